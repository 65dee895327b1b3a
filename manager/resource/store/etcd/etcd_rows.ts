/**
 * The rows as keys and values of etcd: one key a node, lease with its allocations, bill, token and signing key, one for
 * many bills that are closed, and one for a block of events.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import type { EventRow } from "../event_rows.ts";
import type { MemoryTransaction, TableName } from "../memory_transaction.ts";
import { limitsOf, withLimits } from "../node_limits.ts";
import type {
  AllocationRow,
  BillRow,
  KeyRow,
  LeaseRow,
  LentHourRow,
  NodeRow,
  StoredToken,
} from "../store.ts";
import type { Write } from "./etcd_client.ts";
import type { Stored } from "./etcd_messages.ts";
import type { Seal } from "./seal.ts";

/** The folder of each table below the prefix. */
const FOLDERS: Readonly<Record<TableName, string>> = {
  nodes: "n/",
  leases: "l/",
  bills: "b/",
  archives: "a/",
  tokens: "t/",
  keys: "k/",
  lentHours: "h/",
  leaseEvents: "el/",
  clusterEvents: "ec/",
};

const TABLES: ReadonlyMap<string, TableName> = new Map(
  Object.entries(FOLDERS).map(([table, folder]) => [folder, table as TableName]),
);

/** The tables of events, of which a row holds a block. */
export type EventTable = "leaseEvents" | "clusterEvents";

/** Where the row of a key is. */
export interface RowPlace {
  readonly table: TableName;
  readonly key: string;
}

type LeaseValue = LeaseRow & { readonly allocations: readonly AllocationRow[] };
type BillValue = Omit<BillRow, "heldNs" | "computeNs" | "pollNs"> & {
  readonly heldNs: string;
  readonly computeNs: string;
  readonly pollNs: string;
};

interface ArchiveValue {
  readonly number: string;
  /** The bills as JSON, compressed, in base64: some 80 bytes each instead of 400. */
  readonly packed: string;
}

/** Encodes the rows of a transaction, and loads them again. */
export class EtcdRows {
  readonly #prefix: string;
  readonly #seal: Seal;

  /** @param prefix the begin of the keys of all rows, with a slash at its end. */
  constructor(prefix: string, seal: Seal) {
    this.#prefix = prefix;
    this.#seal = seal;
  }

  /** The write that makes a row of etcd equal to that in memory. */
  write(tx: MemoryTransaction, table: TableName, key: string): Write {
    const value = this.#value(tx, table, key);
    return {
      key: `${this.#prefix}${FOLDERS[table]}${key}`,
      value: value === undefined ? undefined : JSON.stringify(value),
    };
  }

  /** The table of a key, with the key of its row there; undefined if no table has it. */
  placeOf(key: string): RowPlace | undefined {
    const folder = key.slice(this.#prefix.length, key.indexOf("/", this.#prefix.length) + 1);
    const table = TABLES.get(folder);
    return table && { table, key: key.slice(this.#prefix.length + folder.length) };
  }

  /**
   * Puts rows of one table into a transaction.
   *
   * @throws {StateUnavailableError} if a secret has another key.
   */
  load(
    tx: MemoryTransaction,
    table: Exclude<TableName, EventTable>,
    rows: readonly Stored[],
  ): void {
    const of = <T>(): T[] => rows.map(({ value }) => JSON.parse(value));
    switch (table) {
      case "nodes":
        for (const node of of<NodeRow>()) {
          // An older version wrote no `lostMs` and `maxCores`, and drained without `limits`.
          const { lostMs = null, maxCores = node.cores } = node;
          tx.putNode(withLimits({ ...node, lostMs, maxCores }, limitsOf(node)));
        }
        break;
      case "leases":
        for (const { allocations, ...lease } of of<LeaseValue>().sort(byIssue)) {
          // An id may have been used again, after its lease was forgotten.
          if (tx.lease(lease.id)?.issuedMs !== lease.issuedMs) tx.deleteLease(lease.id);
          tx.putLease(withAccount(lease));
          for (const allocation of allocations) tx.putAllocation(allocation);
        }
        break;
      case "archives":
        for (const { number, packed } of of<ArchiveValue>()) {
          const bills = unpack(packed);
          for (const bill of bills) tx.putBill(bill);
          tx.billRows.load(number, bills.map((bill) => `${bill.lease}/${bill.node}/${bill.epoch}`));
        }
        break;
      case "bills":
        for (const bill of of<BillValue>()) tx.putBill(billOf(bill));
        break;
      case "tokens":
        for (const stored of of<StoredToken>()) {
          const { createdMs, ...token } = this.#token(stored, true);
          tx.replaceToken(token, createdMs);
        }
        break;
      case "keys":
        for (const key of of<KeyRow>()) tx.putKey(this.#key(key, true));
        break;
      case "lentHours":
        for (const hour of of<LentHourRow>()) tx.putLentHour(hour);
    }
  }

  #value(tx: MemoryTransaction, table: TableName, key: string): unknown {
    switch (table) {
      case "nodes":
        return tx.node(key);
      case "leases": {
        const lease = tx.lease(key);
        return lease && { ...lease, allocations: tx.allocationsOf(key) } satisfies LeaseValue;
      }
      case "bills": {
        const bill = tx.billRows.isArchived(key) ? undefined : tx.billRows.get(key);
        return bill && valueOf(bill);
      }
      case "archives": {
        const bills = tx.billRows.inArchive(key);
        return bills && { number: key, packed: pack(bills) } satisfies ArchiveValue;
      }
      case "tokens": {
        const token = tx.token(key);
        return token && this.#token(token, false);
      }
      case "keys": {
        const row = tx.key(key);
        return row && this.#key(row, false);
      }
      case "lentHours":
        return tx.lentHour(key);
      case "leaseEvents":
        return blockOf(tx.eventRows.inBlock("lease", Number(key)));
      case "clusterEvents":
        return blockOf(tx.eventRows.inBlock("cluster", Number(key)));
    }
  }

  #token(row: StoredToken, open: boolean): StoredToken {
    const { text } = row;
    return text === undefined
      ? row
      : { ...row, text: this.#secret(text, `token ${row.hash}`, open) };
  }

  #key(row: KeyRow, open: boolean): KeyRow {
    return { ...row, privatePkcs8: this.#secret(row.privatePkcs8, `key ${row.id}`, open) };
  }

  #secret(text: string, place: string, open: boolean): string {
    return open ? this.#seal.open(text, place) : this.#seal.close(text, place);
  }
}

function byIssue(a: LeaseRow, b: LeaseRow): number {
  return a.issuedMs - b.issuedMs;
}

/** Undefined if no event of the block is kept. */
function blockOf(events: readonly EventRow[]): readonly EventRow[] | undefined {
  return events.length === 0 ? undefined : events;
}

/** An older version wrote leases and bills without an account. */
function withAccount<T extends { readonly account: string | null }>(row: T): T {
  return { ...row, account: row.account ?? null };
}

function valueOf(bill: BillRow): BillValue {
  const { heldNs, computeNs, pollNs } = bill;
  return { ...bill, heldNs: `${heldNs}`, computeNs: `${computeNs}`, pollNs: `${pollNs}` };
}

function billOf(value: BillValue): BillRow {
  const { heldNs, computeNs, pollNs } = value;
  return {
    ...withAccount(value),
    heldNs: BigInt(heldNs),
    computeNs: BigInt(computeNs),
    pollNs: BigInt(pollNs),
  };
}

function pack(bills: readonly BillRow[]): string {
  return gzipSync(JSON.stringify(bills.map(valueOf))).toString("base64");
}

function unpack(packed: string): BillRow[] {
  const text = gunzipSync(Uint8Array.fromBase64(packed)).toString();
  return (JSON.parse(text) as BillValue[]).map(billOf);
}
