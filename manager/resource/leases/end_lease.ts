/** How leases and their allocations end. Each function is a step of a store change. */
import { RESERVED_EPOCH } from "../../../runtime/http/bill_api.ts";
import { memoryShare } from "../../../runtime/grant/memory_share.ts";
import { MAX_UNRESERVED_MS, UNRESERVED_FACTOR } from "../policy.ts";
import {
  BY_MANAGER,
  type Ending,
  ofLease,
  ofNodeId,
  ofReason,
  recordEvent,
} from "../record_event.ts";
import type { AllocationRow, LeaseRow, Transaction } from "../store/store.ts";

/**
 * Ends one allocation. Does nothing if it has ended.
 *
 * The lease ends with its last allocation. Until then it shrinks with each, since a quota counts what is allocated.
 */
export function endAllocation(
  tx: Transaction,
  allocation: AllocationRow,
  ending: Ending,
): void {
  if (allocation.state === "ended") return;
  endSome(tx, [allocation], ending);
  const lease = tx.lease(allocation.lease);
  if (allocation.state !== "claimed" || lease === undefined || lease.endedMs !== null) return;
  recordEvent(tx, "part-ended", ending.nowMs, ending.actor, {
    ...ofLease(lease),
    ...ofNodeId(tx, allocation.node),
    workers: allocation.workers,
    ...ofReason(ending.reason),
  });
  // A candidate may still take its place.
  if (tx.allocationsOf(lease.id).some(({ state }) => state === "candidate")) return;
  tx.putLease({
    ...lease,
    workers: lease.workers - allocation.workers,
    memoryBytes: Math.max(0, lease.memoryBytes - allocation.memoryBytes),
  });
}

/** Ends all allocations of a node. */
export function endAllOn(tx: Transaction, node: string, ending: Ending): void {
  for (const allocation of tx.liveAllocationsOn(node).sort(byLease)) {
    endAllocation(tx, allocation, ending);
  }
}

/** The order in which allocations end: that of the store's indexes does not repeat. */
export function byLease(a: AllocationRow, b: AllocationRow): number {
  return a.lease < b.lease ? -1 : 1;
}

/** Ends live allocations of one lease. The lease ends if it has no others. */
export function endSome(
  tx: Transaction,
  allocations: readonly AllocationRow[],
  ending: Ending,
): void {
  const { reason, nowMs } = ending;
  const id = allocations[0]?.lease;
  const lease = id === undefined ? undefined : tx.lease(id);
  for (const allocation of allocations) {
    if (lease !== undefined) chargeUnclaimed(tx, lease, allocation, reason, nowMs);
    tx.putAllocation({ ...allocation, state: "ended", endReason: reason });
  }
  if (lease === undefined || lease.endedMs !== null) return;
  if (tx.allocationsOf(lease.id).some(({ state }) => state !== "ended")) return;
  tx.putLease({ ...lease, endedMs: nowMs, endReason: reason });
  recordEnd(tx, lease, allocations.filter(({ state }) => state === "claimed"), ending);
}

/**
 * Ends a lease on all its nodes. Does nothing if it has ended.
 *
 * @returns the nodes that still serve it.
 */
export function endLease(
  tx: Transaction,
  lease: LeaseRow,
  ending: Ending,
): string[] {
  if (lease.endedMs !== null) return [];
  const { reason, nowMs } = ending;
  const live = tx.allocationsOf(lease.id).filter(({ state }) => state !== "ended");
  for (const allocation of live) {
    chargeUnclaimed(tx, lease, allocation, reason, nowMs);
    tx.putAllocation({ ...allocation, state: "ended", endReason: reason });
  }
  tx.putLease({ ...lease, endedMs: nowMs, endReason: reason });
  const claimed = live.filter(({ state }) => state === "claimed");
  recordEnd(tx, lease, claimed, ending);
  return claimed.map(({ node }) => node);
}

/** @param claimed the allocations with which it ends. If there is one, the event names its node. */
function recordEnd(
  tx: Transaction,
  lease: LeaseRow,
  claimed: readonly AllocationRow[],
  { reason, nowMs, actor }: Ending,
): void {
  const [only, ...others] = claimed;
  const workers = claimed.reduce((sum, { workers }) => sum + workers, 0);
  recordEvent(tx, "lease-ended", nowMs, actor, {
    ...ofLease(lease),
    ...(only !== undefined && others.length === 0 ? ofNodeId(tx, only.node) : {}),
    ...(workers === 0 ? {} : { workers }),
    ...ofReason(reason),
  });
}

/** The ends of a candidate that are up to its client. */
const UNCLAIMED = new Set(["lapsed", "released", "expired"]);

/**
 * A client that did not claim what was reserved for it gets offers without reservations for a while, and the time is on
 * its bill.
 */
function chargeUnclaimed(
  tx: Transaction,
  { client, account, issuedMs }: LeaseRow,
  allocation: AllocationRow,
  reason: string,
  nowMs: number,
): void {
  const { state, reservedWorkers, claimByMs } = allocation;
  if (state !== "candidate" || reservedWorkers === 0 || !UNCLAIMED.has(reason)) return;
  const reservedMs = Math.min(nowMs, claimByMs) - issuedMs;
  const fromMs = Math.max(nowMs, tx.unreservedUntil(client));
  const untilMs = fromMs + UNRESERVED_FACTOR * reservedMs;
  tx.putUnreservedUntil(client, Math.min(untilMs, nowMs + MAX_UNRESERVED_MS));
  if (reservedMs <= 0) return;
  tx.putBill({
    lease: allocation.lease,
    node: allocation.node,
    epoch: RESERVED_EPOCH,
    client,
    account,
    workers: reservedWorkers,
    memoryBytes: memoryShare(allocation.memoryBytes, reservedWorkers, allocation.workers),
    sinceMs: issuedMs,
    untilMs: issuedMs + reservedMs,
    heldNs: BigInt(Math.round(reservedMs * 1e6)),
    computeNs: 0n,
    pollNs: 0n,
  });
}

/**
 * Ends candidates that were not claimed in time, and expired leases. Most changes begin with this, so that no answer
 * depends on when a timer fired. They end by lease, since the order of the store's indexes does not repeat.
 */
export function sweep(tx: Transaction, nowMs: number): void {
  const lapsed = Map.groupBy(tx.lapsedCandidates(nowMs), ({ lease }) => lease);
  for (const [, candidates] of [...lapsed].sort(([a], [b]) => a < b ? -1 : 1)) {
    endSome(tx, candidates, { reason: "lapsed", nowMs, actor: BY_MANAGER });
  }
  for (const lease of tx.expiredLeases(nowMs).sort((a, b) => a.id < b.id ? -1 : 1)) {
    endLease(tx, lease, { reason: "expired", nowMs, actor: BY_MANAGER });
  }
}
