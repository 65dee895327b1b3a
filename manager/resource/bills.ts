/** The bills: what each lease has had of each node, as the nodes tell it. */
import type * as api from "../../runtime/http/bill_api.ts";
import { maxBillsAtOnce } from "../../runtime/http/bill_api.ts";
import type { Heartbeat } from "../../runtime/http/manager_api.ts";
import { type BillQuery, cursorOf } from "./bill_query.ts";
import type { BookContext } from "./node_book.ts";
import { type BillRow, placeOf, type TokenRow, type Transaction } from "./store.ts";

/** A report that is not in the store yet. */
interface Fresh {
  /** Who told it. */
  readonly node: string;
  readonly told: api.BillReport;
  readonly heardMs: number;
}

/**
 * Keeps for each lease, node and epoch the highest totals that were told, so that reports may come twice, late and in
 * any order. What heartbeats tell is written once a second in one transaction: a node repeats its totals, so that they
 * are lost only if the node's manager and this one end within that second.
 */
export class BillBook {
  readonly #context: Omit<BookContext, "keys">;
  readonly #prices: api.Prices;
  #fresh = new Map<string, Fresh>();

  constructor(context: Omit<BookContext, "keys">, prices: api.Prices) {
    this.#context = context;
    this.#prices = prices;
  }

  /** Takes what a node tells. Who calls has checked that the node is the one it says. */
  hear(node: string, reports: readonly api.BillReport[]): void {
    const heardMs = this.#context.clock();
    for (const told of reports) {
      const key = `${told.lease} ${node} ${told.node} ${told.epoch}`;
      const before = this.#fresh.get(key);
      this.#fresh.set(key, {
        node,
        told: before ? highest(before.told, told) : told,
        heardMs,
      });
    }
  }

  /** Takes what a heartbeat tells; resolves when the totals of leases that it does not list will not be lost any more. */
  async beat(node: string, { leases, bills = [] }: Heartbeat): Promise<void> {
    this.hear(node, bills);
    const running = new Set(leases.map(({ lease }) => lease));
    // Of leases that run the node tells again by itself.
    if (bills.some(({ lease }) => !running.has(lease))) await this.flush();
  }

  /** Takes the last totals of a lease; resolves when they will not be lost any more. */
  async settle(node: string, told: api.BillReport): Promise<void> {
    this.hear(node, [told]);
    await this.flush();
  }

  /** Writes what was heard. Rejects, and keeps it for the next time, when the store fails. */
  async flush(): Promise<void> {
    const fresh = this.#fresh;
    if (fresh.size === 0) return;
    this.#fresh = new Map();
    try {
      await this.#context.store.transact((tx) => {
        for (const each of fresh.values()) this.#put(tx, each);
      });
    } catch (error) {
      for (const { node, told } of fresh.values()) this.hear(node, [told]);
      throw error;
    }
  }

  /** A page of the bills: of all for an operator, else of the caller's own. */
  async list(caller: TokenRow, query: BillQuery): Promise<api.BillList> {
    await this.flush();
    const { sinceMs, after, limit = maxBillsAtOnce } = query;
    const client = caller.role === "operator" ? query.client : caller.name;
    const isOwn = query.client === undefined || query.client === client;
    const rows = await this.#context.store.transact((tx) =>
      isOwn ? tx.bills({ client, sinceMs, after, limit: limit + 1 }) : []
    );
    const page = rows.slice(0, limit);
    return {
      nowMs: this.#context.clock(),
      prices: this.#prices,
      bills: page.map(toBill),
      ...(rows.length > limit
        ? { next: cursorOf(placeOf(page.at(-1)!, sinceMs !== undefined)) }
        : {}),
    };
  }

  #put(tx: Transaction, { node: teller, told, heardMs }: Fresh): void {
    const node = nodeOf(tx, teller, told);
    const known = tx.bill(told.lease, node, told.epoch);
    const row = known ?? newBill(tx, node, told);
    if (row === undefined) {
      this.#context.log.warn("A bill of node {node} is for a lease that it never had: {lease}", {
        node,
        lease: told.lease,
      });
      return;
    }
    const heldNs = larger(row.heldNs, BigInt(told.heldNs));
    const computeNs = larger(row.computeNs, BigInt(told.computeNs));
    const pollNs = larger(row.pollNs, BigInt(told.pollNs));
    if (
      known !== undefined && heldNs === row.heldNs && computeNs === row.computeNs &&
      pollNs === row.pollNs
    ) return;
    tx.putBill({ ...row, heldNs, computeNs, pollNs, untilMs: heardMs });
  }
}

/** Whose lease it was: the teller's, or of a node that is no more, which has come again as the teller. */
function nodeOf(tx: Transaction, teller: string, { node = teller }: api.BillReport): string {
  return tx.node(node) === undefined ? node : teller;
}

/** The first totals of a lease make its bill; it outlives the lease's own row. */
function newBill(tx: Transaction, node: string, told: api.BillReport): BillRow | undefined {
  const allocation = tx.allocation(told.lease, node);
  const lease = tx.lease(told.lease);
  if (allocation === undefined || lease === undefined) return undefined;
  return {
    lease: told.lease,
    node,
    epoch: told.epoch,
    client: lease.client,
    workers: Math.min(told.workers, allocation.workers),
    memoryBytes: Math.min(told.memoryBytes, allocation.memoryBytes),
    sinceMs: told.sinceMs,
    untilMs: told.sinceMs,
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
  const { heldNs, computeNs, pollNs } = row;
  return { ...row, heldNs: `${heldNs}`, computeNs: `${computeNs}`, pollNs: `${pollNs}` };
}
