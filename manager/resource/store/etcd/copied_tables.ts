/**
 * The tables in memory, made of a copy of etcd's rows as the copy changes: with ten thousand leases, a new leader that
 * decoded all rows at once would need half a second.
 */
import type { EventRow } from "../event_rows.ts";
import { MemoryTransaction, type TableName } from "../memory_transaction.ts";
import { UndoLog } from "../undo_log.ts";
import type { Stored } from "./etcd_messages.ts";
import type { EtcdRows, EventTable } from "./etcd_rows.ts";

/** The order in which tables are loaded: a bill with a row of its own is newer than those of archives. */
const LOADED = ["nodes", "leases", "archives", "bills", "tokens", "keys", "lentHours"] as const;

/** A table and a key in it. */
export type WrittenRow = readonly [TableName, string];

export class CopiedTables {
  readonly undo = new UndoLog();
  /** The rows that the current change has written. */
  readonly written = new Map<string, WrittenRow>();
  readonly tx = new MemoryTransaction(
    this.undo,
    (table, key) => this.written.set(`${table} ${key}`, [table, key]),
  );
  readonly #rows: EtcdRows;
  /** The values of keys that no table has. */
  readonly #others = new Map<string, string>();
  /** By their keys. They are added at the end: what is kept of them depends on their order. */
  readonly #blocks = new Map<string, readonly EventRow[]>();

  constructor(rows: EtcdRows) {
    this.#rows = rows;
  }

  /** The value of a key that no table has. */
  other(key: string): string | undefined {
    return this.#others.get(key);
  }

  /**
   * Follows a change of the copy.
   *
   * @throws {StateUnavailableError} if a secret has another key. The tables cannot be used then.
   */
  apply(changed: readonly Stored[], deleted: readonly string[]): void {
    // Deleted rows first: a node or a token may have the name of one that was removed.
    for (const key of deleted) this.#delete(key);
    const byTable = Map.groupBy(changed, ({ key }) => this.#rows.placeOf(key)?.table);
    for (const table of LOADED) {
      const rows = byTable.get(table);
      if (rows !== undefined) this.#rows.load(this.tx, table, rows);
    }
    for (const table of ["leaseEvents", "clusterEvents"] satisfies EventTable[]) {
      for (const { key, value } of byTable.get(table) ?? []) {
        this.#blocks.set(key, JSON.parse(value));
      }
    }
    for (const { key, value } of byTable.get(undefined) ?? []) this.#others.set(key, value);
    this.#settle();
  }

  /** Completes the tables. The copy does not change any more. */
  complete(): void {
    const events = [...this.#blocks.values()].flat().sort((a, b) => a.seq - b.seq);
    for (const event of events) this.tx.putEvent(event);
    this.#blocks.clear();
    this.#settle();
  }

  #delete(key: string): void {
    this.#others.delete(key);
    this.#blocks.delete(key);
    const place = this.#rows.placeOf(key);
    switch (place?.table) {
      case "nodes":
        return this.tx.deleteNode(place.key);
      case "leases":
        return this.tx.deleteLease(place.key);
      case "bills":
        return this.tx.billRows.close(place.key);
      case "tokens":
        return this.tx.deleteToken(place.key);
      case "keys":
        return this.tx.deleteKey(place.key);
    }
  }

  #settle(): void {
    this.undo.forget();
    this.written.clear();
  }
}
