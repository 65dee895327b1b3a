/** The store in memory, for tests. It has no file and loses all rows at its end. */
import { MemoryTransaction } from "./memory_transaction.ts";
import type { Store, Transaction } from "./store.ts";
import { UndoLog } from "./undo_log.ts";

/** A {@linkcode Store} that lives as long as the object. */
export class MemoryStore implements Store {
  readonly #undo = new UndoLog();
  readonly #tx: Transaction = new MemoryTransaction(this.#undo);
  #closed = false;

  // deno-lint-ignore require-await -- an error that a change throws must become a rejection
  async transact<T>(change: (tx: Transaction) => T): Promise<T> {
    if (this.#closed) throw new Error("Cannot change rows: the store is closed");
    try {
      return change(this.#tx);
    } catch (error) {
      this.#undo.rollBack(0);
      throw error;
    } finally {
      this.#undo.forget();
    }
  }

  close(): void {
    this.#closed = true;
  }
}
