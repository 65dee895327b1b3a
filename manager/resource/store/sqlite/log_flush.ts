/** The flush of SQLite's write-ahead log to disk, beside the event loop. */
import { StateUnavailableError } from "../../../state_dir.ts";

/** What waits for a flush. */
export interface Unflushed {
  /** Called once all that was committed before is on disk. */
  readonly onDisk: () => void;
  /** Called if the disk does not confirm that. */
  readonly onFailure: (error: StateUnavailableError) => void;
}

/**
 * Flushes the log of a database with `synchronous = NORMAL`.
 *
 * With `FULL`, SQLite flushes the log in each COMMIT, and the thread waits for the disk. With `NORMAL` it flushes it only
 * before it writes the log back. So each commit is followed by a flush here, in another thread, and acknowledged after it.
 * Commits during a flush share the next one.
 */
export class LogFlush implements AsyncDisposable {
  readonly #path: string;
  #file: Deno.FsFile | undefined;
  /** Those of the flush that runs now. */
  #flushing: Unflushed[] = [];
  /** Those of the next flush. */
  #waiting: Unflushed[] = [];
  /** Settles when no entry is left. */
  #running: Promise<void> = Promise.resolve();
  #failure: StateUnavailableError | undefined;

  /** @param path of the log, which exists from the first commit on. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Why nothing is flushed any more. After a failed flush, the kernel may have dropped what it could not write, and report
   * success for the next one.
   */
  get failure(): StateUnavailableError | undefined {
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
    this.#file?.close();
    this.#file = undefined;
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const entries = this.#flushing = this.#waiting;
      this.#waiting = [];
      try {
        this.#file ??= Deno.openSync(this.#path, { read: true, write: true });
        await this.#file.syncData();
      } catch (error) {
        return this.#fail(error as Error, [...entries, ...this.#waiting.splice(0)]);
      }
      // What is called may commit and add more.
      for (const { onDisk } of entries) onDisk();
      this.#flushing = [];
    }
  }

  #fail({ message }: Error, entries: readonly Unflushed[]): void {
    this.#failure = new StateUnavailableError(
      `Cannot write state: the disk did not confirm ${this.#path} (${message}); what was written last may be lost, ` +
        "check the disk and restart the resource manager",
    );
    this.#flushing = [];
    for (const { onFailure } of entries) onFailure(this.#failure);
  }
}
