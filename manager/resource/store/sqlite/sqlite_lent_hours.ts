/** The table of what nodes had to lend in each hour, in SQLite. */
import type { LentHourRow, Transaction } from "../store.ts";
import type { SqliteStatements } from "./sqlite_statements.ts";

/** Prepares the statements on hours. */
export function sqliteLentHours(
  db: SqliteStatements,
): Pick<Transaction, "lentHours" | "putLentHour"> {
  const put = db.write("INSERT OR REPLACE INTO lent_hours VALUES (?, ?, ?, ?)");
  return {
    lentHours: db.readAll<LentHourRow>(
      `SELECT hour_ms AS hourMs, from_ms AS fromMs, until_ms AS untilMs, core_ms AS coreMs
        FROM lent_hours WHERE hour_ms >= ? ORDER BY hour_ms LIMIT ?`,
    ),
    putLentHour: ({ hourMs, fromMs, untilMs, coreMs }) => put(hourMs, fromMs, untilMs, coreMs),
  };
}
