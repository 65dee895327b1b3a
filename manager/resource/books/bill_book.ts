/** The bills: what each lease used of each node, as the nodes report it. */
import type * as api from "../../../runtime/http/bill_api.ts";
import type { Heartbeat } from "../../../runtime/http/manager_api.ts";
import { MAX_PAGE_ENTRIES } from "../../../runtime/http/page_api.ts";
import { type BillRow, placeOf, type TokenRow, type Transaction } from "../store/store.ts";
import { type BillQuery, cursorOf } from "./bill_query.ts";
import { pageOf } from "./page_query.ts";
import type { BookContext } from "./book_context.ts";
import type { BillGrowth, UsageBook } from "./usage_book.ts";

/** A report that is not in the store yet. */
interface PendingReport {
  /** The node that sent it. */
  readonly sender: string;
  readonly report: api.BillReport;
  readonly receivedMs: number;
}

/**
 * Keeps the highest reported totals of each lease, node and epoch, so that reports may arrive twice, late and in any
 * order.
 *
 * The totals of heartbeats are written once a second in one change. A node repeats its totals, so they are lost only if
 * its executor manager and the resource manager both end within that second.
 */
export class BillBook {
  readonly #context: Pick<BookContext, "store" | "clock" | "log">;
  readonly #prices: api.Prices;
  readonly #usage: UsageBook | undefined;
  /** Receives each report with its sender, while a page of the dashboard is open. */
  watch: ((sender: string, report: api.BillReport) => void) | undefined;
  #pending = new Map<string, PendingReport>();

  constructor(
    context: Pick<BookContext, "store" | "clock" | "log">,
    prices: api.Prices,
    usage?: UsageBook,
  ) {
    this.#context = context;
    this.#usage = usage;
    this.#prices = prices;
  }

  /** Records reports until the next write. The caller has checked that `node` is their sender. */
  record(node: string, reports: readonly api.BillReport[]): void {
    const receivedMs = this.#context.clock();
    for (const report of reports) {
      this.watch?.(node, report);
      const key = `${report.lease} ${node} ${report.node} ${report.epoch}`;
      const before = this.#pending.get(key);
      this.#pending.set(key, {
        sender: node,
        report: before ? highest(before.report, report) : report,
        receivedMs,
      });
    }
  }

  /**
   * Records the reports of a heartbeat. Resolves when the totals of leases that the heartbeat does not list are
   * durable; the node repeats those of running leases.
   */
  async recordHeartbeat(node: string, { leases, bills = [] }: Heartbeat): Promise<void> {
    this.record(node, bills);
    const running = new Set(leases.map(({ lease }) => lease));
    if (bills.some(({ lease }) => !running.has(lease))) await this.flush();
  }

  /** Records the last totals of a lease. Resolves when they are durable. */
  async recordLast(node: string, report: api.BillReport): Promise<void> {
    this.record(node, [report]);
    await this.flush();
  }

  /** Writes all pending reports. Rejects if the store fails, and keeps the reports for the next write. */
  async flush(): Promise<void> {
    const pending = this.#pending;
    if (pending.size === 0) return;
    this.#pending = new Map();
    const count = this.#usage?.growing();
    let growths: (BillGrowth | undefined)[];
    try {
      growths = await this.#context.store.transact((tx) =>
        [...pending.values()].map((each) => putBill(tx, each))
      );
    } catch (error) {
      for (const { sender, report } of pending.values()) this.record(sender, [report]);
      throw error;
    }
    count?.(growths.filter((growth) => growth !== undefined));
    const unknown = [...pending.values()].filter((_, at) => growths[at] === undefined);
    for (const { sender, report } of unknown) {
      this.#context.log.warn("Bill ignored: node {node} never had lease {lease}", {
        node: report.node ?? sender,
        lease: report.lease,
      });
    }
  }

  /** A page of the bills: all bills for an operator, its own for a client. */
  async list(caller: TokenRow, query: BillQuery): Promise<api.BillList> {
    await this.flush();
    const { sinceMs, after, limit = MAX_PAGE_ENTRIES } = query;
    const client = caller.role === "operator" ? query.client : caller.name;
    const isOwn = query.client === undefined || query.client === client;
    const rows = await this.#context.store.transact((tx) =>
      isOwn ? tx.bills({ client, sinceMs, after, limit: limit + 1 }) : []
    );
    const { page, ...next } = pageOf(
      rows,
      limit,
      (row) => cursorOf(placeOf(row, sinceMs !== undefined)),
    );
    const bills = page.map(toBill);
    return { nowMs: this.#context.clock(), prices: this.#prices, bills, ...next };
  }
}

/** @returns undefined if the node never had the lease. */
function putBill(
  tx: Transaction,
  { sender, report, receivedMs }: PendingReport,
): BillGrowth | undefined {
  const node = nodeOf(tx, sender, report);
  const known = tx.bill(report.lease, node, report.epoch);
  const row = known ?? newBill(tx, node, report);
  if (row === undefined) return undefined;
  const heldNs = larger(row.heldNs, BigInt(report.heldNs));
  const computeNs = larger(row.computeNs, BigInt(report.computeNs));
  const pollNs = larger(row.pollNs, BigInt(report.pollNs));
  if (
    known !== undefined && heldNs === row.heldNs && computeNs === row.computeNs &&
    pollNs === row.pollNs
  ) return { before: row, after: row };
  const after = { ...row, heldNs, computeNs, pollNs, untilMs: receivedMs };
  tx.putBill(after);
  return { before: known, after };
}

/** The node that had the lease: the sender, or a removed node that registered again as the sender. */
function nodeOf(tx: Transaction, sender: string, { node = sender }: api.BillReport): string {
  return tx.node(node) === undefined ? node : sender;
}

/** The first totals of a lease create its bill, which outlives the row of the lease. */
function newBill(tx: Transaction, node: string, report: api.BillReport): BillRow | undefined {
  const allocation = tx.allocation(report.lease, node);
  const lease = tx.lease(report.lease);
  if (allocation === undefined || lease === undefined) return undefined;
  return {
    lease: report.lease,
    node,
    epoch: report.epoch,
    client: lease.client,
    account: lease.account,
    workers: Math.min(report.workers, allocation.workers),
    memoryBytes: Math.min(report.memoryBytes, allocation.memoryBytes),
    sinceMs: report.sinceMs,
    untilMs: report.sinceMs,
    heldNs: 0n,
    computeNs: 0n,
    pollNs: 0n,
  };
}

function highest(a: api.BillReport, b: api.BillReport): api.BillReport {
  const of = (key: "heldNs" | "computeNs" | "pollNs") =>
    `${larger(BigInt(a[key]), BigInt(b[key]))}`;
  return { ...a, heldNs: of("heldNs"), computeNs: of("computeNs"), pollNs: of("pollNs") };
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function toBill(row: BillRow): api.Bill {
  const { account, heldNs, computeNs, pollNs, ...rest } = row;
  return {
    ...rest,
    ...(account === null ? {} : { account }),
    heldNs: `${heldNs}`,
    computeNs: `${computeNs}`,
    pollNs: `${pollNs}`,
  };
}
