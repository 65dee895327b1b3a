/** What a node tells of a lease: that it was claimed there, or has ended there. */
import { memoryShare } from "../../runtime/grant/grant.ts";
import { endAllocation, endSome } from "./ending.ts";
import { freeOn } from "./placement.ts";
import { notFound, Refusal } from "./refusal.ts";
import type { AllocationRow, LeaseRow, NodeRow, Transaction } from "./store.ts";

/**
 * Notes that a node admitted a lease with so many workers. May be repeated.
 *
 * It may be for fewer workers than were granted: the rest is free, with its share of the memory. The claim that makes
 * the lease whole releases its other candidates. A claim that was made in
 * time but heard of too late still holds if nobody took the cores meanwhile.
 *
 * @throws {Refusal} 404 if the node was never offered the lease, 410 if the claim does not hold, 400
 * if it is for more workers than were granted.
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
    throw new Refusal(400, "bad-request", message);
  }
  const others = tx.allocationsOf(leaseId).filter((other) => other.node !== node.id);
  const elsewhere = sumClaimed(others);
  const over = lease.expiresMs <= nowMs || !mayClaim(tx, node, allocation, lease);
  if (over || elsewhere + workers > lease.workers) {
    const reason = allocation.endReason ?? "claimed elsewhere";
    throw new Refusal(410, "over", `Cannot claim lease: it is over here: ${reason}`);
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
  if (lease.endedMs !== null) tx.putLease({ ...lease, endedMs: null, endReason: null });
  if (elsewhere + workers < lease.workers) return;
  endSome(tx, others.filter(({ state }) => state === "candidate"), "released", nowMs);
}

/** Notes that a lease has ended on a node. May be repeated. @throws {Refusal} 404 as above. */
export function endClaim(
  tx: Transaction,
  node: NodeRow,
  leaseId: string,
  reason: string,
  nowMs: number,
): void {
  const allocation = tx.allocation(leaseId, node.id);
  if (allocation === undefined) throw notFound("lease", leaseId);
  endAllocation(tx, allocation, reason, nowMs);
}

function mayClaim(
  tx: Transaction,
  node: NodeRow,
  allocation: AllocationRow,
  lease: LeaseRow,
): boolean {
  if (allocation.state !== "ended") return true;
  if (allocation.endReason !== "lapsed") return false;
  if (lease.endedMs !== null && lease.endReason !== "lapsed") return false;
  const free = freeOn(tx, node);
  return free.workers >= allocation.workers && free.memoryBytes >= allocation.memoryBytes;
}

function sumClaimed(allocations: AllocationRow[]): number {
  return allocations.filter((a) => a.state === "claimed").reduce((sum, a) => sum + a.workers, 0);
}
