/** Which nodes a lease is offered. */
import { candidatesPerLease, heartbeatMs, missedHeartbeats } from "./policy.ts";
import type { NodeRow, Taken, Transaction } from "./store.ts";

/** Whether the node beats. A lost one takes no new leases until it beats again. */
export function isUp(node: NodeRow, nowMs: number): boolean {
  return nowMs - node.lastSeenMs <= missedHeartbeats * heartbeatMs;
}

/** What is left of a node. */
export function freeOn(tx: Transaction, node: NodeRow): Taken {
  const taken = tx.takenOn(node.id);
  return {
    workers: Math.max(0, node.cores - taken.workers),
    memoryBytes: Math.max(0, node.memoryBytes - taken.memoryBytes),
  };
}

/** Nodes that can take all of it, the emptiest first, at most {@linkcode candidatesPerLease}. */
export function chooseCandidates(tx: Transaction, asked: Taken, nowMs: number): NodeRow[] {
  return tx.nodes()
    .filter((node) => isUp(node, nowMs))
    .map((node) => ({ node, free: freeOn(tx, node) }))
    .filter(({ free }) => free.workers >= asked.workers && free.memoryBytes >= asked.memoryBytes)
    .sort((a, b) => b.free.workers - a.free.workers)
    .slice(0, candidatesPerLease)
    .map(({ node }) => node);
}
