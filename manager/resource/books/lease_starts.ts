/** How leases started, as it is shown and not stored: the steps of those that started last, and counts of all. */
import type { LeaseStart } from "../../../runtime/http/heartbeat_api.ts";
import { MAX_KEPT_STARTS } from "../policy.ts";
import { RecentMap } from "../recent_map.ts";
import type { AllocationRow, LeaseRow, Transaction } from "../store/store.ts";
import { StartCounts } from "./start_counts.ts";

/** Where the time of a start went. */
export interface StartSteps {
  /** The wait for the grant. */
  readonly waitMs: number;
  /** From the grant until a node had the claim. */
  readonly reachMs: number;
  readonly admitMs: number;
  readonly bootMs: number;
  /** From the executor's process until its worker listened. */
  readonly startMs: number;
}

/** The rows of a lease that a node has reported to have started. */
export interface StartedLease {
  readonly lease: LeaseRow;
  readonly allocations: readonly AllocationRow[];
}

/** What is known of starts. */
export class LeaseStarts {
  readonly counts = new StartCounts();
  readonly #waits = new RecentMap<number>(MAX_KEPT_STARTS);
  /** By node and lease. */
  readonly #reports = new RecentMap<LeaseStart>(MAX_KEPT_STARTS);

  /** Keeps how long the request of a lease has waited for its grant. */
  granted(lease: string, waitMs: number): void {
    this.#waits.set(lease, waitMs);
  }

  /** Reads the rows for {@linkcode LeaseStarts.record}, of those starts that no earlier heartbeat has reported. */
  read(tx: Transaction, node: string, reported: readonly LeaseStart[]): StartedLease[] {
    return reported.flatMap(({ lease: id }) => {
      const lease = this.#reports.get(keyOf(node, id)) === undefined ? tx.lease(id) : undefined;
      return lease === undefined ? [] : [{ lease, allocations: tx.allocationsOf(id) }];
    });
  }

  /** Keeps what a node has reported. Counts each lease once, when the last of its parts has started. */
  record(
    node: string,
    reported: readonly LeaseStart[],
    started: readonly StartedLease[],
    nowMs: number,
  ): void {
    const fresh = new Set<string>();
    for (const start of reported) {
      const key = keyOf(node, start.lease);
      if (this.#reports.get(key) === undefined) fresh.add(start.lease);
      this.#reports.set(key, start);
    }
    for (const each of started) if (fresh.delete(each.lease.id)) this.#count(each, nowMs);
  }

  /** The steps of a part's start; undefined if they were not reported, or long ago. */
  stepsOf(
    { id, issuedMs }: Pick<LeaseRow, "id" | "issuedMs">,
    { node, claimedMs }: Pick<AllocationRow, "node" | "claimedMs">,
  ): StartSteps | undefined {
    const reported = this.#reports.get(keyOf(node, id));
    if (reported === undefined || claimedMs === null) return undefined;
    const { admitMs, bootMs, startMs } = reported;
    // The node reports a claim after its admission.
    const reachMs = Math.max(0, claimedMs - issuedMs - admitMs);
    return { waitMs: this.#waits.get(id) ?? 0, reachMs, admitMs, bootMs, startMs };
  }

  #count({ lease, allocations }: StartedLease, nowMs: number): void {
    // A lease of a few milliseconds has ended before its node reports the start.
    const claimed = allocations.filter(({ claimedMs }) => claimedMs !== null);
    const steps = claimed.flatMap((part) => this.stepsOf(lease, part) ?? []);
    const isWhole = steps.length === claimed.length &&
      allocations.every(({ state }) => state !== "candidate");
    if (steps.length === 0 || !isWhole) return;
    const isPooled = claimed.every(({ node }) =>
      this.#reports.get(keyOf(node, lease.id))?.start === "pooled"
    );
    const durationMs = Math.max(...steps.map(totalMs));
    this.counts.record(nowMs, isPooled ? "pooled" : "cold", durationMs);
  }
}

function keyOf(node: string, lease: string): string {
  return `${node} ${lease}`;
}

function totalMs({ waitMs, reachMs, admitMs, bootMs, startMs }: StartSteps): number {
  return waitMs + reachMs + admitMs + bootMs + startMs;
}
