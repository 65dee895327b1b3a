/** How long nodes took to be free of leases after they were drained, by the events and the bills. */

import { CLAIM_WITHIN_MS } from "../../runtime/grant/claim_time.ts";
import { type Bill, RESERVED_EPOCH } from "../../runtime/http/bill_api.ts";
import type { ClusterEvent } from "../../runtime/http/event_api.ts";
import type { LeaseEntry } from "../../runtime/http/manager_api.ts";
import { endOf, nanoseconds, type Period } from "./leased.ts";

/** The drains of nodes for one cause. */
export interface Drains {
  /** The program that drained them, such as `slurm`, or else the role: `operator`, or `node` as it ends. */
  readonly by: string;
  /** Those that began in the period. */
  readonly drains: number;
  /** Of them, those whose node was lent again before its leases ended. They have no delay. */
  readonly withdrawn: number;
  /** Of them, those whose node has leases still. They have no delay yet. */
  readonly unfinished: number;
  /** From the drain to the end of the last lease on the node; 0 without a lease. Null if none has a delay. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** What is known of drains. */
export interface DrainRecords {
  /** The time of the oldest event of nodes that is kept: earlier drains are not counted. */
  readonly keptSinceMs: number;
  readonly by: readonly Drains[];
}

/** What the resource manager has. */
export interface Records {
  /** All events that are kept, oldest first. */
  readonly events: readonly ClusterEvent[];
  /** Those that have grown since the begin of the period. */
  readonly bills: readonly Bill[];
  /** The leases that ran before the bills were read. */
  readonly running: readonly LeaseEntry[];
}

/** @returns undefined if no event of nodes and tokens is visible, as with the token of a client. */
export function drainsIn(period: Period, records: Records): DrainRecords | undefined {
  // Events of leases have a limit of their own, and may reach back further or less.
  const events = records.events.filter(({ lease, event }) =>
    lease === undefined && event !== "lease-refused"
  );
  const [oldest] = events;
  if (oldest === undefined) return undefined;
  const drains = firstDrains(events)
    .filter(({ atMs }) => atMs >= period.sinceMs && atMs < period.untilMs);
  const billsOf = Map.groupBy(records.bills, ({ node }) => node);
  const groups = [...Map.groupBy(drains, causeOf)].sort(([a], [b]) => a < b ? -1 : 1);
  const by = groups.map(([by, group]): Drains => {
    const fates = group.map((drain) => {
      const bills = billsOf.get(drain.node ?? "") ?? [];
      return fateOf(drain, events, { bills, running: records.running });
    });
    const delays = fates.filter((fate) => typeof fate === "number").sort((a, b) => a - b);
    return {
      by,
      drains: group.length,
      withdrawn: fates.filter((fate) => fate === "withdrawn").length,
      unfinished: fates.filter((fate) => fate === "unfinished").length,
      p50Ms: percentile(delays, 0.5),
      p99Ms: percentile(delays, 0.99),
    };
  });
  return { keptSinceMs: oldest.atMs, by };
}

/** The drains without those of a node that drained for that cause already: its grace period was changed. */
function firstDrains(events: readonly ClusterEvent[]): ClusterEvent[] {
  const causes = new Map<string | undefined, Set<string>>();
  return events.filter((each) => {
    if (each.event === "node-lends") causes.delete(each.node);
    if (each.event !== "node-drains") return false;
    const known = causes.get(each.node) ?? new Set<string>();
    causes.set(each.node, known);
    const { size } = known;
    return known.add(causeOf(each)).size > size;
  });
}

/** A program names itself at the end of the message of the event (manager/resource/books/lent_book.ts). */
function causeOf({ message = "", role }: ClusterEvent): string {
  return /\bfor (\S+)$/.exec(message)?.[1] ?? role;
}

/** The delay of a drain in milliseconds, or why it has none, by the bills of its node. */
function fateOf(
  { seq, node, atMs }: ClusterEvent,
  events: readonly ClusterEvent[],
  { bills, running }: Pick<Records, "bills" | "running">,
): number | "withdrawn" | "unfinished" {
  const next = events.find((event) =>
    event.seq > seq && event.event === "node-lends" && event.node === node
  );
  // A grant that was signed just before the drain may be claimed after it.
  const admittedMs = Math.min(atMs + CLAIM_WITHIN_MS, next?.atMs ?? Infinity);
  const startNs = nanoseconds(atMs);
  const held = bills.filter((bill) =>
    bill.epoch !== RESERVED_EPOCH && bill.sinceMs < admittedMs && endOf(bill) > startNs
  );
  const lastNs = held.map(endOf).reduce((last, ns) => ns > last ? ns : last, startNs);
  if (next !== undefined && lastNs > nanoseconds(next.atMs)) return "withdrawn";
  const serves = ({ issuedMs, nodes }: LeaseEntry) =>
    issuedMs <= atMs && nodes.some((part) => part.node === node && part.state === "claimed");
  if (running.some(serves)) return "unfinished";
  return Number(lastNs - startNs) / 1e6;
}

/** The least value that as many of the values do not exceed; null of none. */
function percentile(sorted: readonly number[], part: number): number | null {
  const value = sorted[Math.ceil(sorted.length * part) - 1];
  return value === undefined ? null : Math.round(value);
}
