/** A node's addresses on the fabric: in shared memory always, and over RDMA if there is a device. */

import { FabricError } from "../../fabric/errors.ts";
import type { ConnectionRequest, Listener } from "../../fabric/fabric.ts";
import { type FabricName, Fabrics } from "../../fabric/open.ts";
import { parseAddress } from "../../fabric/address.ts";
import { getLogger } from "../log.ts";

/** What a node listens on. */
export interface NodeFabricOptions {
  /**
   * `shm`: shared memory alone. `verbs`: RDMA as well; without it the node does not start. `auto`: RDMA as well, if there
   * is a device.
   * @default {"auto"}
   */
  readonly fabric?: "auto" | FabricName;
  /** `HOST` or `HOST:PORT`, the IP address of an RDMA port; RDMA is then required. The default is the first port found. */
  readonly fabricAddress?: string;
}

/** One of a node's addresses. */
export interface NodeListener {
  readonly fabric: FabricName;
  readonly listener: Listener;
  /** Where the workers of leases claimed through this listener listen: an argument of {@linkcode Fabrics.listen}. */
  readonly workersListen: string;
}

/** The listeners of a node. */
export class NodeListeners implements AsyncDisposable {
  readonly #log = getLogger(["rfaas", "executor-manager"]);
  readonly #fabrics = new Fabrics();
  readonly #listeners: NodeListener[] = [];

  /**
   * Starts listening.
   *
   * @throws {FabricError} code `unavailable` when RDMA is required and not available.
   * @throws {TypeError} when the options contradict each other.
   */
  static async open(options: NodeFabricOptions = {}): Promise<NodeListeners> {
    const { fabric = "auto", fabricAddress } = options;
    if (fabric === "shm" && fabricAddress !== undefined) {
      throw new TypeError(
        `Cannot listen at ${fabricAddress}: fabric "shm" has no such address, leave out one of the two`,
      );
    }
    const listeners = new NodeListeners();
    try {
      await listeners.#listen("shm");
      if (fabric !== "shm") await listeners.#listenOnNetwork(fabric, fabricAddress);
      return listeners;
    } catch (error) {
      await listeners.close();
      throw error;
    }
  }

  /** All addresses, that of shared memory first. */
  get addresses(): string[] {
    return this.#listeners.map(({ listener }) => listener.address);
  }

  /** The address to which the node's own executors connect. */
  get local(): string {
    return this.addresses[0]!;
  }

  /** Passes every connection request to `onRequest`, until the listeners are closed. */
  serve(onRequest: (request: ConnectionRequest, listener: NodeListener) => void): void {
    for (const listener of this.#listeners) this.#serve(listener, onRequest);
  }

  /** Accepts no more connections; those that are open go on. May be called twice. */
  shut(): void {
    for (const { listener } of this.#listeners) listener.close();
  }

  /** Releases the listeners and their fabrics. Connections must be closed before. May be called twice. */
  async close(): Promise<void> {
    this.shut();
    this.#fabrics.close();
    await this.#fabrics.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #listen(where: string): Promise<void> {
    const listener = await this.#fabrics.listen(where);
    const address = parseAddress(listener.address);
    this.#listeners.push({
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
      this.#log.debug("no RDMA, only this host can use the node: {why}", { why: error.message });
    }
  }

  async #serve(
    entry: NodeListener,
    onRequest: (request: ConnectionRequest, listener: NodeListener) => void,
  ) {
    const { listener } = entry;
    for (;;) {
      let request: ConnectionRequest | undefined;
      try {
        request = await listener.accept();
      } catch (error) {
        this.#log.error("cannot accept connections at {address}: {error}", {
          address: listener.address,
          error: (error as Error).message,
        });
        return;
      }
      if (!request) return;
      onRequest(request, entry);
    }
  }
}

/** Reads `HOST` or `HOST:PORT` as an address. An IPv6 address with a port must be in brackets. */
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
