/** Checks of a database before it is used. */
import type { DatabaseSync } from "node:sqlite";
import { StateUnavailableError } from "../../../state_dir.ts";
import type { Mark } from "./state_mark.ts";

/** SQLite's result codes for a file that is damaged, or is no database. */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** The version of a database; undefined if it has none: it is empty, or older than marks. */
export function readMark(db: DatabaseSync): Mark | undefined {
  const table = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'mark'").get();
  if (table === undefined) return undefined;
  return db.prepare("SELECT database, changes FROM mark").get() as unknown as Mark | undefined;
}

/** Reads all pages and rows, some 5 ms a megabyte. @throws {StateUnavailableError} if the database is damaged. */
export function checkIntegrity(db: DatabaseSync): void {
  const [found] = Object.values(db.prepare("PRAGMA quick_check(1)").get() ?? {});
  if (found !== "ok") throw damaged(db.location()!, String(found).replaceAll("\n", " "));
}

/** The error for a damaged file. */
export function damaged(path: string, state: string): StateUnavailableError {
  return new StateUnavailableError(
    `Cannot open state: ${path} is damaged (${state}); restore a backup, or read what is left with sqlite3 ${path} .recover`,
  );
}

/** Whether an error of SQLite is about the content of the file. */
export function isDamage(error: unknown): error is Error {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" && [SQLITE_CORRUPT, SQLITE_NOTADB].includes(code & 0xff);
}
