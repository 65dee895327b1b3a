/** Leases that have started and ended in the last hour, in a cluster of rows. */
import { timeOrderedName } from "../../../runtime/grant/time_ordered_name.ts";
import { SHOWN_START_MINUTES } from "../../../manager/resource/policy.ts";
import { MAX_HEARTBEAT_STARTS } from "../../../runtime/http/heartbeat_api.ts";
import type { SimulatedCluster } from "./simulated_cluster.ts";
import { allocationRow, leaseRow, nodeRow } from "./store_rows.ts";

/** Some leases that started alike. */
export interface SimulatedStarts {
  /** In which minute they started: 0 is the one that has begun. */
  readonly minutesAgo: number;
  readonly kind: "pooled" | "cold";
  readonly durationMs: number;
  /** @default {1} */
  readonly leases?: number;
}

const MINUTE_MS = 60_000;
/** `startedMsAgo` of a cluster for {@linkcode simulateStarts}. */
export const STARTED_MS_AGO = (SHOWN_START_MINUTES + 1) * MINUTE_MS;

/** Reports starts of leases as one more node, which is removed then. The clock runs through the last hour meanwhile. */
export async function simulateStarts(
  cluster: SimulatedCluster,
  starts: readonly SimulatedStarts[],
): Promise<void> {
  const node = timeOrderedName(Date.now());
  const last = Math.floor(Date.now() / MINUTE_MS);
  const lastSeenMs = Date.now();
  await cluster.store.transact((tx) => {
    tx.putNode(nodeRow(node));
    // All nodes were seen last in an hour from now, so that none is lost.
    for (const { id } of tx.nodes()) tx.markSeen(id, lastSeenMs);
  });
  const byMinute = Map.groupBy(starts, ({ minutesAgo }) => minutesAgo);
  for (let minutesAgo = SHOWN_START_MINUTES - 1; minutesAgo >= 0; minutesAgo--) {
    cluster.advanceTo((last - minutesAgo) * MINUTE_MS);
    const reported = (byMinute.get(minutesAgo) ?? []).flatMap(({ leases = 1, ...each }) =>
      Array.from({ length: leases }, () => ({ ...each, lease: timeOrderedName(Date.now()) }))
    );
    await cluster.store.transact((tx) => {
      for (const { lease } of reported) {
        const ended = { state: "ended", claimedMs: lastSeenMs } as const;
        const endedMs = lastSeenMs;
        tx.putLease(leaseRow(lease, { issuedMs: lastSeenMs, endedMs, endReason: "released" }));
        tx.putAllocation(allocationRow(lease, node, { ...ended, endReason: "released" }));
      }
    });
    for (let at = 0; at < reported.length; at += MAX_HEARTBEAT_STARTS) {
      const part = reported.slice(at, at + MAX_HEARTBEAT_STARTS);
      await cluster.heartbeat(node, {
        leases: [],
        starts: part.map(({ lease, kind, durationMs }) => ({
          lease,
          start: kind,
          admitMs: 0,
          bootMs: durationMs,
          startMs: 0,
        })),
      });
    }
  }
  cluster.advanceTo(Infinity);
  await cluster.store.transact((tx) => tx.deleteNode(node));
}
