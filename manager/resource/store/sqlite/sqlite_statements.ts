/** Prepared statements as functions. Their columns are named as the fields of a row, so that rows need no mapping. */
import type { DatabaseSync } from "node:sqlite";

/** A statement that reads one row. */
export function readOne<T>(db: DatabaseSync, sql: string) {
  const statement = db.prepare(sql);
  return (...values: (string | number)[]) => statement.get(...values) as T | undefined;
}

/** A statement that reads all its rows. */
export function readAll<T>(db: DatabaseSync, sql: string) {
  const statement = db.prepare(sql);
  return (...values: (string | number)[]) => statement.all(...values) as T[];
}

/** A statement that writes. */
export function write(db: DatabaseSync, sql: string) {
  const statement = db.prepare(sql);
  return (...values: (string | number | null)[]) => void statement.run(...values);
}
