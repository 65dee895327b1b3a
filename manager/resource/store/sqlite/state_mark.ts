/**
 * The mark beside the database: how many changes it has had. SQLite takes an empty file for a new database, and drops
 * what it cannot read of a write-ahead log, both without an error. Only a second file can show that changes are missing.
 */
import { StateUnavailableError } from "../../../state_dir.ts";

/** A version of the database. */
export interface Mark {
  /** Identifies the database: 128 random bits in hex. */
  readonly database: string;
  /** The number of commits that changed rows. */
  readonly changes: number;
}

/** Fixed, so that a mark is overwritten in place by one write. */
const MARK_BYTES = 96;
const PATTERN = /^\{"database":"([0-9a-f]{32})","changes":([0-9]{1,16})\} *\n$/;

/** The file of the mark. It is written after each commit and not flushed: after a power failure it may be too old. */
export class MarkFile implements Disposable {
  readonly path: string;
  /** The mark of the last process; undefined if there is none, or a power failure destroyed it. */
  readonly found: Mark | undefined;
  readonly #file: Deno.FsFile;

  /**
   * Opens the file, or creates it with mode 0600, and locks it.
   *
   * @throws {StateUnavailableError} if another process has locked it.
   */
  constructor(path: string) {
    this.path = path;
    this.#file = Deno.openSync(path, { create: true, read: true, write: true, mode: 0o600 });
    if (!this.#file.tryLockSync(true)) {
      this.#file.close();
      throw new StateUnavailableError(
        `Cannot open state: another resource manager has locked ${path}, give each a store of its own`,
      );
    }
    const bytes = new Uint8Array(MARK_BYTES);
    this.#file.readSync(bytes);
    const [, database, changes] = PATTERN.exec(new TextDecoder().decode(bytes)) ?? [];
    this.found = database === undefined ? undefined : { database, changes: Number(changes) };
  }

  /**
   * Compares the mark with the database.
   *
   * @param present the version of the database; undefined if it is empty, or older than marks.
   * @throws {StateUnavailableError} if the database is not the one of the mark, or an older version of it.
   */
  check(present: Mark | undefined, databasePath: string): void {
    const { found } = this;
    if (found === undefined) return;
    const refuse = (state: string, rest: string) => {
      throw new StateUnavailableError(
        `Cannot open state: ${state}; restore ${databasePath} with its -wal file, or remove ${this.path} to go on ${rest}`,
      );
    };
    if (present === undefined) {
      const state = `${databasePath} is missing, empty or of an older version, and had ` +
        `${found.changes} changes`;
      refuse(state, "without them");
    } else if (present.database !== found.database) {
      refuse(`${databasePath} is another database than before`, "with it");
    } else if (present.changes < found.changes) {
      const state = `${databasePath} has ${present.changes} changes, and had ${found.changes}: ` +
        "its write-ahead log is missing or damaged, or the file is an older copy";
      refuse(state, "with what is left");
    }
  }

  write({ database, changes }: Mark): void {
    const text = `{"database":"${database}","changes":${changes}}`.padEnd(MARK_BYTES - 1);
    this.#file.seekSync(0, Deno.SeekMode.Start);
    this.#file.writeSync(new TextEncoder().encode(`${text}\n`));
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
