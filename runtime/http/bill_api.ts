/**
 * The bodies of `/v1/bills`, and the totals that nodes report. Durations are whole nanoseconds as decimal text: a
 * number is exact for 104 days of core time only.
 */
import {
  accountName,
  count,
  epochNumber,
  hexId,
  plainName,
  timeMs,
  workerCount,
} from "./api_fields.ts";
import * as v from "../valibot.ts";

/** The most bills in one heartbeat. */
export const MAX_HEARTBEAT_BILLS = 1024;

/** Nanoseconds, less than 2^63 and so at most 18 digits. */
const nanoseconds = v.pipe(v.string(), v.regex(/^(0|[1-9][0-9]{0,17})$/, "expected nanoseconds"));

/** The epoch in bills of cores that were reserved for a client and not claimed. No node reports it. */
export const RESERVED_EPOCH = 0;

/** What a lease has used of one node. */
export interface BillTotals {
  /** The lease's id. */
  readonly lease: string;
  /** The start of the node's executor manager under which the lease was admitted; 0: it was reserved and not claimed. */
  readonly epoch: number;
  /** The workers of the lease on the node. */
  readonly workers: number;
  /** The memory of the lease on the node, in bytes. */
  readonly memoryBytes: number;
  /** When the node admitted the lease, in milliseconds since 1970. */
  readonly sinceMs: number;
  /**
   * The time from admission to now, or to the end, in nanoseconds. Times the workers it is core time, times the memory
   * memory time.
   */
  readonly heldNs: string;
  /** The time that functions had a worker's thread, all workers together, in nanoseconds. */
  readonly computeNs: string;
  /** The time that workers were awake and waited for calls, all together, in nanoseconds. */
  readonly pollNs: string;
}

const totals = {
  lease: hexId,
  epoch: epochNumber,
  workers: workerCount,
  memoryBytes: count(0),
  sinceMs: timeMs,
  heldNs: nanoseconds,
  computeNs: nanoseconds,
  pollNs: nanoseconds,
};

/** Running totals of a lease on one node. They only grow, so a repeated report counts once. */
export interface BillReport extends BillTotals {
  /** The id under which the node had the lease. A node that is removed and registers again has another. */
  readonly node?: string;
  /** The calls that its workers have served, and chunks of streams. Shown, and not billed. */
  readonly calls?: number;
}

export const billReportSchema: v.GenericSchema<BillReport> = v.object({
  ...totals,
  node: v.exactOptional(hexId),
  calls: v.exactOptional(count(0)),
});

/** What one second costs, in any currency, 0 to 1,000,000,000. A price that is left out is 0. */
export interface Prices {
  /** The price of a core for one second. */
  readonly coreSecond?: number;
  /** The price of one GiB of memory for one second. */
  readonly gibSecond?: number;
  /** The price of one second in which a function has a worker's thread. */
  readonly computeSecond?: number;
  /** The price of one second in which a worker polls for calls. */
  readonly pollSecond?: number;
}

const price = v.pipe(v.number(), v.minValue(0), v.maxValue(1e9));

export const pricesSchema: v.GenericSchema<Prices> = v.object({
  coreSecond: v.exactOptional(price),
  gibSecond: v.exactOptional(price),
  computeSecond: v.exactOptional(price),
  pollSecond: v.exactOptional(price),
});

/** Where a page of bills ends: a text that means something to the resource manager alone. */
export const billCursor = v.pipe(
  v.string(),
  v.regex(
    /^(0|[1-9][0-9]{0,14})\.[0-9a-f]{32}\.[0-9a-f]{32}\.[1-9][0-9]{0,9}$/,
    "expected the next of a response",
  ),
);
/** What a lease has used of one node, as the resource manager keeps it. */
export interface Bill extends BillTotals {
  /** The name of the client's token. */
  readonly client: string;
  /** The account of the client's token when the lease was granted. Left out if it had none. */
  readonly account?: string;
  /** The node's id. */
  readonly node: string;
  /** When the totals last grew, in milliseconds since 1970. */
  readonly untilMs: number;
}

/** The response of `GET /v1/bills`. */
export interface BillList {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The prices that the resource manager is configured with. */
  readonly prices: Prices;
  /** The bills of this page. */
  readonly bills: readonly Bill[];
  /** Where the next page begins, as `after` of its request. Left out on the last page. */
  readonly next?: string;
}

export const billListSchema: v.GenericSchema<BillList> = v.object({
  nowMs: timeMs,
  prices: pricesSchema,
  bills: v.array(v.object({
    ...totals,
    epoch: v.union([v.literal(RESERVED_EPOCH), epochNumber]),
    client: plainName,
    account: v.exactOptional(accountName),
    node: hexId,
    untilMs: timeMs,
  })),
  next: v.exactOptional(billCursor),
});

/** Selects bills. */
export interface BillsQuery {
  /** Only those of the client of this name. An operator alone may name another client. */
  readonly client?: string;
  /** Only those that have grown at or after this time, in milliseconds since 1970 on the resource manager's clock. */
  readonly sinceMs?: number;
  /** The most bills in one response, 1 to 1,000. @default {1000} */
  readonly limit?: number;
}

/** Selects one page of bills. */
export interface BillPageQuery extends BillsQuery {
  /** `next` of the page before. Left out: the first page. */
  readonly after?: string;
}
