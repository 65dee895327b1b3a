/** How much of its cores each part of a lease uses at the moment, from the totals that nodes report for bills. */
import type { BillReport } from "../../../runtime/http/bill_api.ts";

/** What a part uses at the moment. The cores are a fraction of its workers. */
export interface Usage {
  /** Cores in which functions compute. */
  readonly compute: number;
  /** Cores in which workers poll for calls. */
  readonly poll: number;
  /** Calls a second. Undefined before the second report, and if the node does not count them. */
  readonly calls: number | undefined;
}

interface Reported extends Usage {
  readonly atMs: number;
  readonly computeNs: number;
  readonly pollNs: number;
  readonly total: number | undefined;
}

const NS_PER_MS = 1e6;
const NS_PER_SECOND = 1e9;
/** A shorter time between two reports makes a rate of no use: counters are added up every 250 ms. */
const SHORTEST_MS = 500;
/** A node without reports for this long shows no usage. */
const LONGEST_MS = 5000;

export const NO_USAGE: Usage = { compute: 0, poll: 0, calls: undefined };

/** The rates of all parts of which reports arrive. */
export class UsageRates {
  readonly #clock: () => number;
  /** By node and lease. */
  readonly #parts = new Map<string, Reported>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Records the totals of one part. */
  record(node: string, { lease, computeNs, pollNs, calls: total }: BillReport): void {
    const key = `${node} ${lease}`;
    const before = this.#parts.get(key);
    const atMs = this.#clock();
    // A double is exact up to 104 days in nanoseconds; a rate needs less.
    const now = { atMs, computeNs: Number(computeNs), pollNs: Number(pollNs), total };
    if (before === undefined) {
      this.#parts.set(key, { ...now, ...NO_USAGE });
      return;
    }
    const spanNs = (atMs - before.atMs) * NS_PER_MS;
    if (spanNs < SHORTEST_MS * NS_PER_MS) return;
    this.#parts.set(key, {
      ...now,
      compute: Math.max(0, now.computeNs - before.computeNs) / spanNs,
      poll: Math.max(0, now.pollNs - before.pollNs) / spanNs,
      calls: total === undefined || before.total === undefined
        ? undefined
        : Math.max(0, total - before.total) / (spanNs / NS_PER_SECOND),
    });
  }

  of(node: string, lease: string): Usage {
    return this.#parts.get(`${node} ${lease}`) ?? NO_USAGE;
  }

  /** Forgets parts without recent reports. */
  sweep(): void {
    const sinceMs = this.#clock() - LONGEST_MS;
    for (const [key, { atMs }] of this.#parts) {
      if (atMs < sinceMs) this.#parts.delete(key);
    }
  }
}
