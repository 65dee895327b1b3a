/**
 * What travels about bills: what nodes report of their leases, what clients and operators read. Durations are whole
 * nanoseconds as decimal text: a number is exact for 104 days of core time only.
 */
import * as v from "../valibot.ts";

/** The most bills that one heartbeat may tell of. */
export const maxHeartbeatBills = 1024;

/** Nanoseconds, less than 2^63 and so at most 18 digits. */
const nanoseconds = v.pipe(v.string(), v.regex(/^(0|[1-9][0-9]{0,17})$/, "expected nanoseconds"));
const whole = (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const id = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

const totals = {
  lease: id,
  /** The start of the node's executor manager under which the lease was admitted. */
  epoch: whole(1, 2 ** 31 - 1),
  workers: whole(1, 1024),
  memoryBytes: whole(0),
  /** When it was admitted, on the resource manager's clock. */
  sinceMs: whole(0),
  /** From admission to now, or to its end. Core-seconds are this times the workers, memory-seconds times the memory. */
  heldNs: nanoseconds,
  /** Functions had a worker's thread for so long, all workers together. */
  computeNs: nanoseconds,
  /** Workers were awake and waited for calls for so long, all together. */
  pollNs: nanoseconds,
};

/** Running totals of a lease on one node: they only grow, so that one told twice counts once. */
export const billReportSchema = v.object({
  ...totals,
  /** Under which id the node had the lease: it gets another when it was removed and comes again. */
  node: v.exactOptional(id),
});
export type BillReport = v.InferOutput<typeof billReportSchema>;

const price = v.pipe(v.number(), v.minValue(0), v.maxValue(1e9));
/** What a second costs, in whatever currency; what is left out costs nothing. */
export const pricesSchema = v.object({
  coreSecond: v.exactOptional(price),
  gibSecond: v.exactOptional(price),
  computeSecond: v.exactOptional(price),
  pollSecond: v.exactOptional(price),
});
export type Prices = v.InferOutput<typeof pricesSchema>;

/** Where a page of bills ends: a text that means something to the resource manager alone. */
export const billCursor = v.pipe(
  v.string(),
  v.regex(
    /^(0|[1-9][0-9]{0,14})\.[0-9a-f]{32}\.[0-9a-f]{32}\.[1-9][0-9]{0,9}$/,
    "expected the next of an answer",
  ),
);
/** The most bills in one answer: 350 bytes each, and 5 ms of the resource manager's event loop for all. */
export const maxBillsAtOnce = 1000;
/** A number up to that in a query. */
export const billLimit = v.pipe(
  v.string(),
  v.regex(/^([1-9][0-9]{0,2}|1000)$/, "expected 1 to 1000"),
);

/** `GET /v1/bills` */
export const billListSchema = v.object({
  nowMs: whole(0),
  prices: pricesSchema,
  bills: v.array(v.object({
    ...totals,
    client: v.string(),
    node: id,
    /** When totals that are higher were last heard of. */
    untilMs: whole(0),
  })),
  /** There are more: those after this. */
  next: v.exactOptional(billCursor),
});
export type BillList = v.InferOutput<typeof billListSchema>;
export type Bill = BillList["bills"][number];

/** Which bills are wanted. */
export interface BillsQuery {
  readonly client?: string;
  /** Only those that have grown at or after this time of the resource manager's clock. */
  readonly sinceMs?: number;
  /** How many in an answer, 1 to 1000. @default {1000} */
  readonly limit?: number;
}

/** Which page of them. */
export interface BillPageQuery extends BillsQuery {
  /** The `next` of the page before. */
  readonly after?: string;
}
