/** Which of a node's addresses a client takes: shared memory on the same host, RDMA otherwise. */

import { FabricError } from "../../fabric/errors.ts";
import type { Connection, ConnectionOptions } from "../../fabric/fabric.ts";
import type { FabricName, Fabrics } from "../../fabric/open.ts";
import { FabricUnavailable, NodeLost } from "../errors.ts";
import type { NodeGrant } from "../http/manager_api.ts";
import { refusalText } from "../protocol/private_data.ts";

/** The fabric that an app asks for; `auto` takes the best that client and node share. */
export type FabricChoice = "auto" | FabricName;

/** What a client reaches nodes with. */
export interface Reach {
  readonly fabrics: Fabrics;
  readonly choice: FabricChoice;
  /** This host's; see ffi/boot_id.ts. */
  readonly bootId: string;
}

/** What of a grant tells where the node is. */
export type NodePlace = Pick<NodeGrant, "name" | "addresses" | "bootId">;

/** Failures after which the node's next address is worth a try; after a rejection or a time-out it is not. */
const TRY_NEXT = new Set(["refused", "unavailable", "peer"]);

/**
 * Connects to a node by the best address that both share.
 *
 * The same boot id is not enough for shared memory: a container has its own sockets. So an address at which nobody
 * listens is followed by the next.
 *
 * @throws {FabricUnavailable} when there is no address to try, or no fabric to try it with.
 * @throws {NodeLost} when an address could be tried and did not lead there; the message names each.
 */
export async function reachNode(
  { fabrics, choice, bootId }: Reach,
  node: NodePlace,
  options: ConnectionOptions,
): Promise<Connection> {
  const failures: FabricError[] = [];
  for (const address of addressesToTry(node, choice, bootId)) {
    try {
      return await fabrics.connect(address, options);
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      failures.push(error);
      if (!TRY_NEXT.has(error.code)) break;
    }
  }
  const message = `Cannot reach node ${node.name}: ${failures.map(describe).join("; ")}`;
  const cause = failures.at(-1);
  throw failures.every(({ code }) => code === "unavailable")
    ? new FabricUnavailable(message, { cause })
    : new NodeLost(message, "not-run", { cause });
}

/**
 * The addresses to try, best first.
 *
 * @throws {FabricUnavailable} when there is none.
 */
export function addressesToTry(node: NodePlace, choice: FabricChoice, bootId: string): string[] {
  const { name, addresses } = node;
  const of = (fabric: FabricName) =>
    addresses.filter((address) => address.startsWith(`${fabric}:`));
  const sameHost = bootId === node.bootId;
  const found = choice !== "auto" ? of(choice) : [...sameHost ? of("shm") : [], ...of("verbs")];
  if (found.length > 0) return found;
  const why = choice !== "auto"
    ? `it has no ${choice} address`
    : sameHost
    ? "it has no address that is known here"
    : "it is another host and has no verbs address";
  throw new FabricUnavailable(`Cannot reach node ${name}: ${why} (${addresses.join(", ")})`);
}

function describe(error: FabricError): string {
  const said = error.code === "rejected" ? refusalText(error.privateData) : "";
  return said === "" ? error.message : `${error.message}: ${said}`;
}
