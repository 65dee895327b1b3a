/** Prepared statements as functions. Their columns are named as the fields of a row, so that rows need no mapping. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

/** A value of a column. */
type Value = string | number | bigint | null;

/** How a statement reads. */
interface ReadOptions {
  /** Whether integers are read as bigints. @default false */
  readonly bigints?: boolean;
}

/**
 * The statements of all tables, and the transaction that they run in.
 *
 * The first statement of a group of changes begins it. A group that finds all in memory, such as most heartbeats, runs
 * none, and has no transaction: its locks take more system calls than the rest of a heartbeat.
 */
export class SqliteStatements {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #isDue = false;
  #hasBegun = false;
  #written = 0;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
  }

  /** How many rows were written since the start, also by changes that were undone. */
  get written(): number {
    return this.#written;
  }

  /** Whether the transaction was lost: some failures, such as a full disk, end it. */
  get isLost(): boolean {
    return this.#hasBegun && !this.#db.isTransaction;
  }

  /** Begins a group: its transaction begins with the first statement. */
  open(): void {
    this.#isDue = true;
  }

  /** Begins the transaction of the group, unless it has begun. */
  begin(): void {
    if (!this.#isDue) return;
    this.#hasBegun = true; // it counts as lost if it cannot begin
    this.#begin.run();
    this.#isDue = false; // only now: no later statement may run outside the transaction
  }

  /** Commits the group. */
  commit(): void {
    if (this.#hasBegun) this.#commit.run();
    this.#isDue = this.#hasBegun = false;
  }

  /** Rolls back the group. */
  rollBack(): void {
    this.#isDue = this.#hasBegun = false;
    // A failed COMMIT may have rolled back already.
    if (this.#db.isOpen && this.#db.isTransaction) this.#db.exec("ROLLBACK");
  }

  /** A statement that reads one row. */
  readOne<T>(sql: string, options?: ReadOptions): (...values: Value[]) => T | undefined {
    const statement = this.#prepare(sql, options);
    return (...values) => {
      this.begin();
      return statement.get(...values) as T | undefined;
    };
  }

  /** A statement that reads all its rows. */
  readAll<T>(sql: string, options?: ReadOptions): (...values: Value[]) => T[] {
    const statement = this.#prepare(sql, options);
    return (...values) => {
      this.begin();
      return statement.all(...values) as T[];
    };
  }

  /** A statement that writes. */
  write(sql: string): (...values: Value[]) => void {
    const statement = this.#prepare(sql);
    return (...values) => {
      this.begin();
      this.#written += Number(statement.run(...values).changes);
    };
  }

  #prepare(sql: string, { bigints = false }: ReadOptions = {}): StatementSync {
    const statement = this.#db.prepare(sql);
    statement.setReadBigInts(bigints);
    return statement;
  }
}
