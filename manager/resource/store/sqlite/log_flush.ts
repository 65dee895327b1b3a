/** The flush of SQLite's write-ahead log to disk, beside the event loop. */
import type { DatabaseSync } from "node:sqlite";
import { StateUnavailableError } from "../../../state_dir.ts";
import { StateNotKeptError } from "../store_errors.ts";

/** What waits for a flush. */
export interface Unflushed {
  /** Called once all that was committed before is on disk. If it throws, this counts as a failed flush. */
  readonly onDisk: () => void;
  /** Called if the disk does not confirm that. */
  readonly onFailure: (error: StateNotKeptError) => void;
}

/**
 * Writes the log of a database back to it, and opens the log.
 *
 * What a killed process has committed may be in the kernel's memory only, and after a failed flush the kernel does not
 * write it any more. So it is written again, before anything depends on it.
 *
 * @throws {StateUnavailableError} if the disk does not confirm it.
 */
export function openLog(db: DatabaseSync, path: string): Deno.FsFile {
  using opening = new DisposableStack();
  const log = opening.use(Deno.openSync(`${path}-wal`, { read: true, write: true }));
  try {
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    log.syncDataSync(); // a reader, such as a backup, may have kept some of it in the log
  } catch (cause) {
    throw new StateUnavailableError(
      `Cannot open state: the disk did not confirm ${path} (${(cause as Error).message})`,
      { cause },
    );
  }
  opening.move();
  return log;
}

/**
 * Flushes the log of a database with `synchronous = NORMAL`.
 *
 * With `FULL`, SQLite flushes the log in each COMMIT, and the thread waits for the disk. With `NORMAL` it flushes it only
 * before it writes the log back. So each commit is followed by a flush here, in another thread, and acknowledged after it.
 * Commits during a flush share the next one.
 */
export class LogFlush implements AsyncDisposable {
  readonly #log: Deno.FsFile;
  /** Those of the flush that runs now. */
  #flushing: Unflushed[] = [];
  /** Those of the next flush. */
  #waiting: Unflushed[] = [];
  /** Settles when no entry is left. */
  #running: Promise<void> = Promise.resolve();
  #failure: StateNotKeptError | undefined;
  #closed = false;

  /**
   * @param log was opened before the first commit, since the kernel reports a failed write to files that were open then.
   * The disposal closes it.
   */
  constructor(log: Deno.FsFile) {
    this.#log = log;
  }

  /**
   * Why nothing is flushed any more. After a failed flush, the kernel may have dropped what it could not write, and report
   * success for the next one.
   */
  get failure(): StateNotKeptError | undefined {
    return this.#failure;
  }

  /** Flushes what has been committed, for `entry`. */
  add(entry: Unflushed): void {
    if (this.#failure !== undefined) return entry.onFailure(this.#failure);
    this.#waiting.push(entry);
    if (this.#flushing.length === 0) this.#running = this.#flush();
  }

  /** Calls `entry` once the commits that were added are flushed, at once if they are. */
  follow(entry: Unflushed): void {
    if (this.#failure !== undefined) return entry.onFailure(this.#failure);
    if (this.#waiting.length > 0) this.#waiting.push(entry);
    else if (this.#flushing.length > 0) this.#flushing.push(entry);
    else entry.onDisk();
  }

  /** Finishes the flushes of all entries. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
    if (this.#closed) return;
    this.#closed = true;
    this.#log.close();
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const entries = this.#flushing = this.#waiting;
      this.#waiting = [];
      try {
        await this.#log.syncData();
        // What is called may commit and add more.
        for (const { onDisk } of entries) onDisk();
      } catch (error) {
        return this.#fail(error as Error, [...entries, ...this.#waiting.splice(0)]);
      }
      this.#flushing = [];
    }
  }

  #fail({ message }: Error, entries: readonly Unflushed[]): void {
    const state = `the disk did not confirm what was written last (${message})`;
    this.#failure = new StateNotKeptError(state);
    this.#flushing = [];
    for (const { onFailure } of entries) onFailure(this.#failure);
  }
}
