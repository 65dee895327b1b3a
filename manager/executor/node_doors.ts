/** Where a node is reached on the fabric: in shared memory always, and over RDMA where there is a device. */

import { FabricError } from "../../fabric/errors.ts";
import type { ConnectionRequest, Listener } from "../../fabric/fabric.ts";
import { type FabricName, Fabrics } from "../../fabric/open.ts";
import { parseAddress } from "../../fabric/address.ts";
import { getLogger } from "../log.ts";

/** What a node listens on. */
export interface NodeFabricOptions {
  /**
   * `shm`: shared memory alone; `verbs`: RDMA as well, or the node does not start; `auto`: RDMA where it can be had.
   * @default {"auto"}
   */
  readonly fabric?: "auto" | FabricName;
  /** `HOST` or `HOST:PORT`, an IP address of an RDMA port; then RDMA must be had. @default the first that is found */
  readonly fabricAddress?: string;
}

/** One of a node's addresses. */
export interface NodeDoor {
  readonly fabric: FabricName;
  readonly listener: Listener;
  /** Where the workers of leases that come in here listen: for {@linkcode Fabrics.listen}. */
  readonly workersListen: string;
}

export class NodeDoors implements AsyncDisposable {
  readonly #log = getLogger(["rfaas", "executor-manager"]);
  readonly #fabrics = new Fabrics();
  readonly #doors: NodeDoor[] = [];

  /**
   * Listens.
   *
   * @throws {FabricError} code `unavailable` when RDMA was asked for and can't be had.
   * @throws {TypeError} when the options contradict each other.
   */
  static async open(options: NodeFabricOptions = {}): Promise<NodeDoors> {
    const { fabric = "auto", fabricAddress } = options;
    if (fabric === "shm" && fabricAddress !== undefined) {
      throw new TypeError(
        `Cannot listen at ${fabricAddress}: shared memory has no such address, leave out one of the two`,
      );
    }
    const doors = new NodeDoors();
    try {
      await doors.#listen("shm");
      if (fabric !== "shm") await doors.#listenOnNetwork(fabric, fabricAddress);
      return doors;
    } catch (error) {
      await doors.close();
      throw error;
    }
  }

  /** All addresses, shared memory first. */
  get addresses(): string[] {
    return this.#doors.map(({ listener }) => listener.address);
  }

  /** Where the node's own executors connect back. */
  get local(): string {
    return this.addresses[0]!;
  }

  /** Hands every request to `take`, until closed. */
  serve(take: (request: ConnectionRequest, door: NodeDoor) => void): void {
    for (const door of this.#doors) this.#serve(door, take);
  }

  /** Lets nobody in any more; connections go on. May be called twice. */
  shut(): void {
    for (const { listener } of this.#doors) listener.close();
  }

  /** Gives everything back. Connections must be closed before. May be called twice. */
  async close(): Promise<void> {
    this.shut();
    this.#fabrics.close();
    await this.#fabrics.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #listen(place: string): Promise<void> {
    const listener = await this.#fabrics.listen(place);
    const address = parseAddress(listener.address);
    this.#doors.push({
      fabric: address.provider,
      listener,
      workersListen: address.provider === "shm" ? "shm" : verbsAddress(address.host, 0),
    });
  }

  async #listenOnNetwork(fabric: "auto" | "verbs", address?: string): Promise<void> {
    if (address !== undefined) return await this.#listen(readFabricAddress(address));
    try {
      await this.#listen("verbs");
    } catch (error) {
      const absent = error instanceof FabricError && error.code === "unavailable";
      if (fabric === "verbs" || !absent) throw error;
      this.#log.debug("no RDMA, this host alone can use the node: {why}", { why: error.message });
    }
  }

  async #serve(door: NodeDoor, take: (request: ConnectionRequest, door: NodeDoor) => void) {
    const { listener } = door;
    for (;;) {
      let request: ConnectionRequest | undefined;
      try {
        request = await listener.accept();
      } catch (error) {
        this.#log.error("nobody is let in at {address} any more: {error}", {
          address: listener.address,
          error: (error as Error).message,
        });
        return;
      }
      if (!request) return;
      take(request, door);
    }
  }
}

/** `HOST` or `HOST:PORT` as an address; an IPv6 address stands in brackets where a port follows. */
function readFabricAddress(text: string): string {
  const bare = text.split(":").length > 2 && !text.startsWith("[");
  const withPort = !bare && /:\d+$/.test(text);
  const address = withPort ? `verbs://${text}` : verbsAddress(text.replace(/^\[|\]$/g, ""), 0);
  parseAddress(address);
  return address;
}

function verbsAddress(host: string, port: number): string {
  return `verbs://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
