/** The store in one SQLite file (WAL), by node:sqlite. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { clearImmediate, setImmediate } from "node:timers";
import { StateUnavailableError } from "../../../state_dir.ts";
import { ClientRows } from "../client_rows.ts";
import { EventRows } from "../event_rows.ts";
import { LogFlush, openLog } from "./log_flush.ts";
import { NodeRows } from "../node_rows.ts";
import { checkIntegrity, damaged, isDamage, readMark } from "./sqlite_check.ts";
import { migrate } from "./sqlite_schema.ts";
import { SqliteStatements } from "./sqlite_statements.ts";
import { sqliteTransaction } from "./sqlite_transaction.ts";
import { type Mark, MarkFile } from "./state_mark.ts";
import type { Store, Transaction } from "../store.ts";
import type { StateNotKeptError } from "../store_errors.ts";
import { UndoLog } from "../undo_log.ts";
import { UnreservedClients } from "../unreserved_clients.ts";

/** How long a write waits for another process that has locked the file, such as a backup. */
const BUSY_TIMEOUT_MS = 5000;
/** The length at which the write-ahead log is written back, in pages of 4 KiB: 64 MiB. */
const CHECKPOINT_PAGES = 16_384;
/** The size of the page cache. What ends was granted up to a day ago, and lies anywhere in the file. */
const CACHE_KIB = 65_536;
/** The most changes in one commit, some 50 ms of work. Requests are read and answered between commits. */
const MAX_GROUP = 256;

/** A change that waits for its turn. */
interface Waiting {
  /** Makes the change. Returns a function that resolves its promise, to be called once the change is on disk. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A {@linkcode Store} in a file.
 *
 * Changes requested in one turn of the event loop run one after the other in one SQLite transaction. None is answered
 * before all are on disk. The next ones are made meanwhile.
 *
 * Few changes fail after they have written, and a savepoint costs half as much as the rows of a grant, since SQLite copies
 * each page that is written behind it. So the first run of a group has none; if one of its changes fails after a write,
 * the whole group is rolled back and runs again, each change behind a savepoint.
 */
export class SqliteStore implements Store {
  readonly files: readonly string[];
  readonly #db: DatabaseSync;
  readonly #undo = new UndoLog();
  readonly #tx: Transaction;
  /** Prepared once, since each change runs some of them. */
  readonly #statements: Record<
    "mark" | "keep" | "rollBack" | "count",
    StatementSync
  >;
  readonly #group: SqliteStatements;
  readonly #markFile: MarkFile;
  readonly #log: LogFlush;
  #mark: Mark;
  readonly #waiting: Waiting[] = [];
  #turn: ReturnType<typeof setImmediate> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens the file, or creates it with mode 0600, checks it and brings its tables up to date.
   *
   * @throws {StateUnavailableError} if another process uses it, a newer program wrote it, it is damaged, changes are missing
   * that an earlier process has made, or the disk does not confirm the others.
   */
  constructor(path: string) {
    this.files = [path, `${path}-wal`];
    using opening = new DisposableStack();
    this.#markFile = opening.use(new MarkFile(path.replace(/(\.sqlite)?$/, ".mark")));
    // SQLite would create a file that all users can read. Its -wal and -shm files take the mode of this one.
    Deno.openSync(path, { create: true, write: true, mode: 0o600 }).close();
    this.#db = opening.adopt(new DatabaseSync(path), (db) => db.close());
    try {
      // The timeout is set first, since the switch to WAL takes a lock that another process may hold.
      this.#db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
      this.#markFile.check(readMark(this.#db), path);
      checkIntegrity(this.#db);
      const { journal_mode } = this.#db.prepare("PRAGMA journal_mode = WAL").get() as {
        journal_mode: string;
      };
      if (journal_mode !== "wal") {
        throw new StateUnavailableError(
          `Cannot open state: the file system of ${path} allows no write-ahead log, use a local one`,
        );
      }
      this.#db.exec("PRAGMA synchronous = FULL"); // for the migration
      // A group of grants changes some hundred pages. With the default of 1000 pages, every few groups would wait until
      // all of these pages were written a second time.
      this.#db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      this.#db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
      this.#db.exec("PRAGMA foreign_keys = ON");
      migrate(this.#db);
      this.#log = new LogFlush(opening.use(openLog(this.#db, path)));
      this.#mark = readMark(this.#db)!;
      this.#markFile.write(this.#mark);
      // An answered change survives a power failure: the log is flushed before the answer (log_flush.ts).
      this.#db.exec("PRAGMA synchronous = NORMAL");
      this.#group = new SqliteStatements(this.#db);
      this.#tx = sqliteTransaction(
        this.#group,
        new NodeRows(this.#undo),
        new ClientRows(this.#undo),
        new UnreservedClients(this.#undo),
        new EventRows(this.#undo),
      );
      this.#undo.forget();
      this.#statements = {
        mark: this.#db.prepare("SAVEPOINT change"),
        keep: this.#db.prepare("RELEASE change"),
        rollBack: this.#db.prepare("ROLLBACK TO change"),
        count: this.#db.prepare("UPDATE mark SET changes = changes + 1 RETURNING changes"),
      };
    } catch (error) {
      throw isDamage(error) ? damaged(path, error.message) : error;
    }
    opening.move();
  }

  get failure(): StateNotKeptError | undefined {
    return this.#log.failure;
  }

  transact<T>(change: (tx: Transaction) => T): Promise<T> {
    if (this.#closing !== undefined) {
      return Promise.reject(new StateUnavailableError("Cannot change state: it is closed"));
    }
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

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    while (this.#waiting.length > 0) this.#commitWaiting();
    await this.#log[Symbol.asyncDispose]();
    this.#db.close();
    this.#markFile[Symbol.dispose]();
  }

  #commitWaiting(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    const group = this.#waiting.splice(0, MAX_GROUP);
    if (this.#waiting.length > 0) this.#turn = setImmediate(() => this.#commitWaiting());
    let answers: readonly (() => void)[];
    const { changes } = this.#mark;
    const onFailure = (error: unknown) => {
      for (const { reject } of group) reject(error);
    };
    if (this.#log.failure !== undefined) return onFailure(this.#log.failure);
    try {
      answers = this.#commit(group, (waiting) => this.#makeUnmarked(waiting)) ??
        this.#commit(group, (waiting) => this.#makeMarked(waiting))!;
    } catch (error) {
      this.#rollBack();
      return onFailure(error);
    }
    const mark = this.#mark;
    const onDisk = () => {
      for (const answer of answers) answer();
    };
    // Also what was only read must not be lost after its answer.
    if (mark.changes === changes) return this.#log.follow({ onDisk, onFailure });
    this.#log.add({
      onDisk: () => {
        this.#markFile.write(mark);
        onDisk();
      },
      onFailure,
    });
  }

  /**
   * Runs a group of changes and writes it to disk.
   *
   * @param make makes one change, and returns its answer; `undefined` if the group must be rolled back for it.
   * @returns the answers; `undefined` if the group was rolled back.
   */
  #commit(
    group: readonly Waiting[],
    make: (waiting: Waiting) => (() => void) | undefined,
  ): (() => void)[] | undefined {
    const answers: (() => void)[] = [];
    this.#group.open();
    const before = this.#group.written;
    for (const waiting of group) {
      const answer = make(waiting);
      if (answer === undefined) return void this.#rollBack();
      answers.push(answer);
    }
    // A group that wrote nothing costs no commit to disk.
    const mark = this.#group.written === before ? undefined : this.#count();
    this.#group.commit();
    if (mark !== undefined) this.#mark = mark;
    this.#undo.forget();
    return answers;
  }

  #rollBack(): void {
    this.#group.rollBack();
    this.#undo.rollBack(0);
  }

  #count(): Mark {
    const { changes } = this.#statements.count.get() as { changes: number };
    return { ...this.#mark, changes };
  }

  /** Makes one change of the group. Returns `undefined` if it throws after it has written rows. */
  #makeUnmarked({ run, reject }: Waiting): (() => void) | undefined {
    const mark = this.#undo.mark();
    const before = this.#group.written;
    try {
      return run();
    } catch (error) {
      if (this.#group.isLost) throw error; // and the other changes with it
      if (this.#group.written !== before) return undefined;
      this.#undo.rollBack(mark);
      return () => reject(error);
    }
  }

  /** Makes one change of the group behind a savepoint. If it throws, undoes its writes. */
  #makeMarked({ run, reject }: Waiting): () => void {
    const mark = this.#undo.mark();
    this.#group.begin();
    this.#statements.mark.run();
    try {
      const answer = run();
      this.#statements.keep.run();
      return answer;
    } catch (error) {
      if (this.#group.isLost) throw error;
      this.#statements.rollBack.run();
      this.#statements.keep.run();
      this.#undo.rollBack(mark);
      return () => reject(error);
    }
  }
}
