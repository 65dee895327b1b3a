/** Reports of a node about a lease: that it was claimed there, or has ended there. */
import { memoryShare } from "../../../runtime/grant/memory_share.ts";
import { RESERVED_EPOCH } from "../../../runtime/http/bill_api.ts";
import { endAllocation, endSome } from "./end_lease.ts";
import { freeOf } from "./node_capacity.ts";
import { fitsAgain } from "./quota.ts";
import { byNode, ofLease, ofNode, recordEvent } from "../record_event.ts";
import { notFound, RefusalError } from "../refusal.ts";
import type { AllocationRow, LeaseRow, NodeRow, Transaction } from "../store/store.ts";

/**
 * Records that a node admitted a lease with a number of workers. May be repeated.
 *
 * A claim for fewer workers than were granted frees the rest, with its share of the memory. The claim that completes the
 * lease releases its other candidates. A claim that was made in time but reported late still holds if the cores are
 * free, and its client has not used its quota for other leases meanwhile.
 *
 * @throws {RefusalError} 404 if the node was never offered the lease, 410 if the claim does not hold, 400 if it is for
 * more workers than were granted.
 */
export function claim(
  tx: Transaction,
  node: NodeRow,
  leaseId: string,
  workers: number,
  nowMs: number,
): void {
  const allocation = tx.allocation(leaseId, node.id);
  const lease = tx.lease(leaseId);
  if (allocation === undefined || lease === undefined) throw notFound("lease", leaseId);
  if (workers > allocation.workers) {
    const message = `Cannot claim lease: ${workers} workers, granted ${allocation.workers}`;
    throw new RefusalError(400, "bad-request", message);
  }
  const others = tx.allocationsOf(leaseId).filter((other) => other.node !== node.id);
  const elsewhere = sumClaimed(others);
  const isOver = lease.expiresMs <= nowMs || !mayClaim(tx, node, allocation, lease);
  if (isOver || elsewhere + workers > lease.workers) {
    const reason = allocation.endReason ?? "claimed elsewhere";
    throw new RefusalError(410, "over", `Cannot claim lease: the claim does not hold: ${reason}`);
  }
  const claimedMs = allocation.state === "claimed" ? allocation.claimedMs : nowMs;
  const memoryBytes = memoryShare(allocation.memoryBytes, workers, allocation.workers);
  tx.putAllocation({
    ...allocation,
    workers,
    memoryBytes,
    state: "claimed",
    claimedMs,
    endReason: null,
  });
  if (allocation.state !== "claimed") {
    const what = { ...ofLease(lease), ...ofNode(node), workers };
    recordEvent(tx, "lease-claimed", nowMs, byNode(node), what);
  }
  // It was claimed in time, and the report came late.
  const reserved = allocation.state === "ended" && tx.bill(leaseId, node.id, RESERVED_EPOCH);
  if (reserved) tx.putBill({ ...reserved, heldNs: 0n });
  if (lease.endedMs !== null) tx.putLease({ ...lease, endedMs: null, endReason: null });
  if (elsewhere + workers < lease.workers) return;
  const unclaimed = others.filter(({ state }) => state === "candidate");
  endSome(tx, unclaimed, { reason: "claimed-elsewhere", nowMs, actor: byNode(node) });
}

/**
 * Records that a lease has ended on a node. May be repeated.
 *
 * @throws {RefusalError} 404 if the node was never offered the lease.
 */
export function endClaim(
  tx: Transaction,
  node: NodeRow,
  leaseId: string,
  reason: string,
  nowMs: number,
): void {
  const allocation = tx.allocation(leaseId, node.id);
  if (allocation === undefined) throw notFound("lease", leaseId);
  endAllocation(tx, allocation, { reason, nowMs, actor: byNode(node) });
}

function mayClaim(
  tx: Transaction,
  node: NodeRow,
  allocation: AllocationRow,
  lease: LeaseRow,
): boolean {
  if (allocation.state !== "ended") return true;
  if (allocation.endReason !== "lapsed") return false;
  if (lease.endedMs !== null && (lease.endReason !== "lapsed" || !fitsAgain(tx, lease))) {
    return false;
  }
  const free = freeOf({ node, allocated: tx.allocatedOn(node.id) });
  return free.workers >= allocation.workers && free.memoryBytes >= allocation.memoryBytes;
}

function sumClaimed(allocations: AllocationRow[]): number {
  return allocations.filter((a) => a.state === "claimed").reduce((sum, a) => sum + a.workers, 0);
}
