/** The store in one SQLite file (WAL), by node:sqlite. */
import { DatabaseSync } from "node:sqlite";
import { migrate } from "./sqlite_schema.ts";
import { sqliteTransaction } from "./sqlite_transaction.ts";
import type { Store, Transaction } from "./store.ts";

/** How long a write waits for another process, such as a backup, to let go of the file. */
const busyTimeoutMs = 5000;

/** A {@linkcode Store} in a file. */
export class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #tx: Transaction;

  /**
   * Opens the file, creates it with mode 0600 if it is not there, and brings its tables up to date.
   *
   * @throws {StateUnavailable} if a newer program wrote it.
   */
  constructor(path: string) {
    // SQLite would create it readable to all; its -wal and -shm files take the mode of this one.
    Deno.openSync(path, { create: true, write: true, mode: 0o600 }).close();
    this.#db = new DatabaseSync(path);
    try {
      // The timeout comes first: switching to WAL takes the lock that others may hold.
      this.#db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
      this.#db.exec("PRAGMA journal_mode = WAL");
      this.#db.exec("PRAGMA synchronous = NORMAL");
      this.#db.exec("PRAGMA foreign_keys = ON");
      migrate(this.#db);
      this.#tx = sqliteTransaction(this.#db);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  // deno-lint-ignore require-await -- async for the interface: what a change throws must reject, not throw
  async transact<T>(change: (tx: Transaction) => T): Promise<T> {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = change(this.#tx);
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      // A failed COMMIT may have rolled back by itself; there is nothing to roll back then.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}
