/** All rows of a store, to copy and to compare them. */
import { createHash } from "node:crypto";
import type { EventRow } from "./event_rows.ts";
import type {
  AllocationRow,
  BillRow,
  KeyRow,
  LeaseRow,
  LentHourRow,
  NodeRow,
  StoredToken,
  Transaction,
} from "./store.ts";

/** The rows of all tables. */
export interface AllRows {
  readonly nodes: readonly NodeRow[];
  readonly leases: readonly LeaseRow[];
  readonly allocations: readonly AllocationRow[];
  readonly bills: readonly BillRow[];
  readonly tokens: readonly StoredToken[];
  readonly keys: readonly KeyRow[];
  readonly lentHours: readonly LentHourRow[];
  readonly events: readonly EventRow[];
}

/** What identifies the rows of a table, in any store. */
export interface TableDigest {
  readonly table: keyof AllRows;
  readonly rows: number;
  /** SHA-256 in hex digits. */
  readonly sha256: string;
}

/** More than a store has. */
const ALL = 2 ** 31 - 1;

export function readRows(tx: Transaction): AllRows {
  const leases = tx.leases();
  return {
    nodes: tx.nodes(),
    leases,
    allocations: leases.flatMap(({ id }) => tx.allocationsOf(id)),
    bills: tx.bills({ limit: ALL }),
    tokens: tx.tokens(),
    keys: tx.keys(),
    lentHours: tx.lentHours(0, ALL),
    events: tx.allEvents(),
  };
}

/** Writes rows into an empty store. */
export function writeRows(tx: Transaction, rows: AllRows): void {
  for (const node of rows.nodes) tx.putNode(node);
  for (const lease of rows.leases) tx.putLease(lease);
  for (const allocation of rows.allocations) tx.putAllocation(allocation);
  for (const bill of rows.bills) tx.putBill(bill);
  for (const { createdMs, ...token } of rows.tokens) tx.replaceToken(token, createdMs);
  for (const key of rows.keys) tx.putKey(key);
  for (const hour of rows.lentHours) tx.putLentHour(hour);
  for (const event of rows.events) tx.putEvent(event);
}

/** The digests of all tables. They leave out the texts of first tokens, which a file has not. */
export function digestRows(rows: AllRows): TableDigest[] {
  const tokens = rows.tokens.map(({ text: _, ...token }) => token);
  return Object.entries({ ...rows, tokens }).map(([table, list]) => {
    const lines = (list as readonly object[]).map(lineOf).sort();
    const sha256 = createHash("sha256").update(lines.join("\n")).digest("hex");
    return { table: table as keyof AllRows, rows: lines.length, sha256 };
  });
}

/** The same text for the same row of any store. */
function lineOf(row: object): string {
  const fields = Object.entries(row).sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify(fields, (_, value) => typeof value === "bigint" ? `${value}` : value);
}
