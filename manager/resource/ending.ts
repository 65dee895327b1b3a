/** How leases and their allocations end. Each function is one part of a store transaction. */
import type { AllocationRow, LeaseRow, Transaction } from "./store.ts";

/**
 * Ends one allocation; its lease ends with the last one, and is smaller for the others: a quota counts what is held.
 * Does nothing if it has ended.
 */
export function endAllocation(
  tx: Transaction,
  allocation: AllocationRow,
  reason: string,
  nowMs: number,
): void {
  if (allocation.state === "ended") return;
  endSome(tx, [allocation], reason, nowMs);
  const lease = tx.lease(allocation.lease);
  if (allocation.state !== "claimed" || lease === undefined || lease.endedMs !== null) return;
  // Candidates may still take its place.
  if (tx.allocationsOf(lease.id).some(({ state }) => state === "candidate")) return;
  tx.putLease({
    ...lease,
    workers: lease.workers - allocation.workers,
    memoryBytes: Math.max(0, lease.memoryBytes - allocation.memoryBytes),
  });
}

/** Ends live allocations of one lease, and the lease if it has no other. */
export function endSome(
  tx: Transaction,
  allocations: readonly AllocationRow[],
  reason: string,
  nowMs: number,
): void {
  for (const allocation of allocations) {
    tx.putAllocation({ ...allocation, state: "ended", endReason: reason });
  }
  const id = allocations[0]?.lease;
  if (id === undefined || tx.allocationsOf(id).some(({ state }) => state !== "ended")) return;
  const lease = tx.lease(id);
  if (lease === undefined || lease.endedMs !== null) return;
  tx.putLease({ ...lease, endedMs: nowMs, endReason: reason });
}

/** Ends a lease on all its nodes. Does nothing if it has ended. @returns the nodes that serve it still. */
export function endLease(
  tx: Transaction,
  lease: LeaseRow,
  reason: string,
  nowMs: number,
): string[] {
  if (lease.endedMs !== null) return [];
  const live = tx.allocationsOf(lease.id).filter(({ state }) => state !== "ended");
  for (const allocation of live) {
    tx.putAllocation({ ...allocation, state: "ended", endReason: reason });
  }
  tx.putLease({ ...lease, endedMs: nowMs, endReason: reason });
  return live.filter(({ state }) => state === "claimed").map(({ node }) => node);
}

/**
 * Frees what ran out: candidates that nobody claimed in time, and leases past their end. Every request
 * does this first, so that no answer depends on when a timer fired.
 */
export function sweep(tx: Transaction, nowMs: number): void {
  const lapsed = Map.groupBy(tx.lapsedCandidates(nowMs), ({ lease }) => lease);
  for (const candidates of lapsed.values()) endSome(tx, candidates, "lapsed", nowMs);
  for (const lease of tx.expiredLeases(nowMs)) endLease(tx, lease, "expired", nowMs);
}
