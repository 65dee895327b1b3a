/** The choice between a node's addresses: shared memory on the same host, RDMA otherwise. */

import { FabricError } from "../../fabric/errors.ts";
import type { Connection, ConnectionOptions } from "../../fabric/fabric.ts";
import type { FabricName, Fabrics } from "../../fabric/open.ts";
import { FabricUnavailableError, NodeLostError } from "../errors.ts";
import type { NodeGrant } from "../http/manager_api.ts";
import { refusalText } from "../protocol/private_data.ts";

/** The fabric that an app requests; `auto` takes the best one that client and node share. */
export type FabricChoice = "auto" | "shm" | "verbs";

/** The means by which a client reaches nodes. */
export interface Reach {
  readonly fabrics: Fabrics;
  readonly choice: FabricChoice;
  /** This host's; see ffi/boot_id.ts. */
  readonly bootId: string;
}

/** The fields of a grant that locate the node. */
export type NodeLocation = Pick<NodeGrant, "name" | "addresses" | "bootId">;

/** Failures after which the next address may work; after a rejection or a timeout it does not. */
const TRY_NEXT = new Set(["refused", "unavailable", "peer"]);

/**
 * Connects to a node by the best address that both share.
 *
 * The same boot id is not enough for shared memory: a container has its own sockets. So the next address follows one at
 * which no process listens.
 *
 * @throws {FabricUnavailableError} if there is no address to try, or no fabric to try it with.
 * @throws {NodeLostError} if no address led to the node; the message names each of them.
 */
export async function reachNode(
  { fabrics, choice, bootId }: Reach,
  node: NodeLocation,
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
    ? new FabricUnavailableError(message, { cause })
    : new NodeLostError(message, "not-run", { cause });
}

/**
 * The addresses to try, best first.
 *
 * @throws {FabricUnavailableError} when there is none.
 */
export function addressesToTry(node: NodeLocation, choice: FabricChoice, bootId: string): string[] {
  const { name, addresses } = node;
  const of = (fabric: FabricName) =>
    addresses.filter((address) => address.startsWith(`${fabric}:`));
  const sameHost = bootId === node.bootId;
  const found = choice !== "auto" ? of(choice) : [...sameHost ? of("shm") : [], ...of("verbs")];
  if (found.length > 0) return found;
  const state = choice !== "auto"
    ? `it has no ${choice} address`
    : sameHost
    ? "it has no address of a fabric of this version"
    : "it is another host and has no verbs address";
  throw new FabricUnavailableError(`Cannot reach node ${name}: ${state} (${addresses.join(", ")})`);
}

function describe(error: FabricError): string {
  const refusal = error.code === "rejected" ? refusalText(error.privateData) : "";
  return refusal === "" ? error.message : `${error.message}: ${refusal}`;
}
