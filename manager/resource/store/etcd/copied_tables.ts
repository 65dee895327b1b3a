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

const EVENT_TABLES = ["leaseEvents", "clusterEvents"] as const satisfies EventTable[];

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
    this.#addEvents(EVENT_TABLES.flatMap((table) => byTable.get(table) ?? []));
    for (const { key, value } of byTable.get(undefined) ?? []) this.#others.set(key, value);
    this.undo.forget();
    this.written.clear();
  }

  /** Adds what is new in blocks of events. What is kept depends on the order, and later blocks have later events. */
  #addEvents(blocks: readonly Stored[]): void {
    const last = this.tx.lastEvent();
    const events = blocks.flatMap(({ value }) => JSON.parse(value) as EventRow[])
      .filter(({ seq }) => seq > last);
    for (const event of events.sort((a, b) => a.seq - b.seq)) this.tx.putEvent(event);
  }

  #delete(key: string): void {
    this.#others.delete(key);
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
}
