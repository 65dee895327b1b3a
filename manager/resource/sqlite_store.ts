/** The store in one SQLite file (WAL), by node:sqlite. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { clearImmediate, setImmediate } from "node:timers";
import { ClientRows } from "./client_rows.ts";
import { NodeRows } from "./node_rows.ts";
import { migrate } from "./sqlite_schema.ts";
import { sqliteTransaction } from "./sqlite_transaction.ts";
import type { Store, Transaction } from "./store.ts";
import { UndoLog } from "./undo_log.ts";

/** How long a write waits for another process, such as a backup, to let go of the file. */
const busyTimeoutMs = 5000;

/** How long the write-ahead log may become before it is written back, in pages of 4 KiB: 64 MiB. */
const checkpointPages = 16_384;
/** Pages that are kept in memory: ids are random, so leases lie all over the file. */
const cacheKiB = 65_536;

/** Changes in one commit at most, so that requests are read and answered in between: some 50 ms of them. */
const maxGroup = 256;

/** A change that waits for its turn. */
interface Waiting {
  /** Makes the change; what it returns tells who asked, once it is on disk. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A {@linkcode Store} in a file. Changes that were asked for in one turn of the event loop are made one after
 * the other in one SQLite transaction, each behind a savepoint, and none is answered before all are on disk: it is
 * the flush to disk that costs (141 us a commit, 3 us a row).
 */
export class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #undo = new UndoLog();
  readonly #tx: Transaction;
  /** Prepared, since they are run for each change. */
  readonly #say: Record<"begin" | "commit" | "mark" | "keep" | "takeBack", StatementSync>;
  readonly #waiting: Waiting[] = [];
  #turn: ReturnType<typeof setImmediate> | undefined;

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
      // What was answered outlives a power cut: NORMAL would keep it through a crash of this process only.
      this.#db.exec("PRAGMA synchronous = FULL");
      // A group of grants changes some hundred pages. With the default of 1000 pages, every few groups would wait for
      // all of them to be written a second time.
      this.#db.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
      this.#db.exec(`PRAGMA cache_size = -${cacheKiB}`);
      this.#db.exec("PRAGMA foreign_keys = ON");
      migrate(this.#db);
      this.#tx = sqliteTransaction(
        this.#db,
        new NodeRows(this.#undo),
        new ClientRows(this.#undo),
      );
      this.#undo.forget();
      this.#say = {
        begin: this.#db.prepare("BEGIN IMMEDIATE"),
        commit: this.#db.prepare("COMMIT"),
        mark: this.#db.prepare("SAVEPOINT change"),
        keep: this.#db.prepare("RELEASE change"),
        takeBack: this.#db.prepare("ROLLBACK TO change"),
      };
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  transact<T>(change: (tx: Transaction) => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({
      run: () => {
        const result = change(this.#tx);
        return () => resolve(result);
      },
      reject,
    });
    this.#turn ??= setImmediate(() => this.#commitWaiting());
    return promise;
  }

  close(): void {
    if (!this.#db.isOpen) return;
    while (this.#waiting.length > 0) this.#commitWaiting();
    this.#db.close();
  }

  #commitWaiting(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    const group = this.#waiting.splice(0, maxGroup);
    if (this.#waiting.length > 0) this.#turn = setImmediate(() => this.#commitWaiting());
    const answers: (() => void)[] = [];
    try {
      this.#say.begin.run();
      for (const waiting of group) answers.push(this.#make(waiting));
      this.#say.commit.run();
      this.#undo.forget();
    } catch (error) {
      // A failed COMMIT may have rolled back by itself; there is nothing to roll back then.
      if (this.#db.isOpen && this.#db.isTransaction) this.#db.exec("ROLLBACK");
      this.#undo.rollBack(0);
      for (const { reject } of group) reject(error);
      return;
    }
    for (const answer of answers) answer();
  }

  /** Makes one change of the group, or takes back what it did before it threw. */
  #make({ run, reject }: Waiting): () => void {
    const mark = this.#undo.mark();
    this.#say.mark.run();
    try {
      const answer = run();
      this.#say.keep.run();
      return answer;
    } catch (error) {
      // Some failures, such as a full disk, end the whole transaction: then the others are lost too.
      if (!this.#db.isTransaction) throw error;
      this.#say.takeBack.run();
      this.#say.keep.run();
      this.#undo.rollBack(mark);
      return () => reject(error);
    }
  }
}
