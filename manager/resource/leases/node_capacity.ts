/** What a node offers to new leases, and whether it offers anything. */
import { freeCores } from "../store/free_order.ts";
import type { NodeLoad, NodeRow, Resources } from "../store/store.ts";

/**
 * Whether the heartbeats of a node arrive. A lost node gets no new leases until the next heartbeat.
 *
 * @param aliveSinceMs a node without a heartbeat since this time is lost ({@linkcode BookContext.aliveSinceMs}).
 */
export function isUp(node: NodeRow, aliveSinceMs: number): boolean {
  return node.lastSeenMs >= aliveSinceMs;
}

/** The states of a node: it lends, it drains, or its heartbeats do not arrive. */
export const nodeStates = ["up", "draining", "lost"] as const;
export type NodeState = (typeof nodeStates)[number];

/** The state of a node; {@linkcode isUp} has the parameter. */
export function stateOf(node: NodeRow, aliveSinceMs: number): NodeState {
  if (!isUp(node, aliveSinceMs)) return "lost";
  return node.drainMs === null ? "up" : "draining";
}

/** Whether a node accepts new leases. */
export function isLending(node: NodeRow, aliveSinceMs: number): boolean {
  return isUp(node, aliveSinceMs) && node.drainMs === null;
}

/** Whether a node could serve a request if it served nothing else. */
export function isLargeEnough(node: NodeRow, request: Resources): boolean {
  return node.cores >= request.workers && node.memoryBytes >= request.memoryBytes;
}

/** The free cores and memory of a node. */
export function freeOf({ node, allocated }: NodeLoad): Resources {
  return {
    workers: Math.max(0, freeCores({ node, allocated })),
    memoryBytes: Math.max(0, node.memoryBytes - allocated.memoryBytes),
  };
}
