/**
 * The rows as keys and values of etcd: one key a node, lease with its allocations, bill, token and signing key, one for
 * many bills that are closed, and one for a block of events.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import type { EventRow } from "../event_rows.ts";
import type { MemoryTransaction, TableName } from "../memory_transaction.ts";
import { limitsOf, withLimits } from "../node_limits.ts";
import type { AllocationRow, BillRow, KeyRow, LeaseRow, NodeRow, StoredToken } from "../store.ts";
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
  leaseEvents: "el/",
  clusterEvents: "ec/",
};

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

  /**
   * Puts rows into a transaction.
   *
   * @throws {StateUnavailableError} if a secret has another key.
   */
  load(tx: MemoryTransaction, rows: readonly Stored[]): void {
    const of = <T>(table: TableName): T[] => {
      const folder = this.#prefix + FOLDERS[table];
      return rows.filter(({ key }) => key.startsWith(folder)).map(({ value }) => JSON.parse(value));
    };
    for (const node of of<NodeRow>("nodes")) {
      // An older version wrote no `lostMs` and `maxCores`, and drained without `limits`.
      const { lostMs = null, maxCores = node.cores } = node;
      tx.putNode(withLimits({ ...node, lostMs, maxCores }, limitsOf(node)));
    }
    const leases = of<LeaseValue>("leases").sort((a, b) => a.issuedMs - b.issuedMs);
    for (const { allocations, ...lease } of leases) {
      tx.putLease(withAccount(lease));
      for (const allocation of allocations) tx.putAllocation(allocation);
    }
    for (const { number, packed } of of<ArchiveValue>("archives")) {
      const bills = unpack(packed);
      for (const bill of bills) tx.putBill(bill);
      tx.billRows.load(number, bills.map((bill) => `${bill.lease}/${bill.node}/${bill.epoch}`));
    }
    for (const bill of of<BillValue>("bills")) tx.putBill(billOf(bill));
    for (const stored of of<StoredToken>("tokens")) {
      const { createdMs, ...token } = this.#token(stored, true);
      tx.replaceToken(token, createdMs);
    }
    for (const key of of<KeyRow>("keys")) tx.putKey(this.#key(key, true));
    const events = [...of<EventRow[]>("leaseEvents"), ...of<EventRow[]>("clusterEvents")].flat();
    for (const event of events.sort((a, b) => a.seq - b.seq)) tx.putEvent(event);
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
