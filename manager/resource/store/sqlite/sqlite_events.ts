/** The table of events: read from memory, written through to SQLite. */
import { EVENTS_PER_BLOCK } from "../../policy.ts";
import type { EventQuery, EventRow, EventRows } from "../event_rows.ts";
import type { SqliteStatements } from "./sqlite_statements.ts";

/** Loads the last events into `events` and prepares the statements. */
export function sqliteEvents(db: SqliteStatements, events: EventRows) {
  for (const { body } of db.readAll<{ body: string }>("SELECT body FROM events ORDER BY seq")()) {
    events.put(JSON.parse(body) as EventRow);
  }
  const put = db.write("INSERT INTO events VALUES (?, ?, ?)");
  const drop = db.write("DELETE FROM events WHERE seq >= ? AND seq < ? AND ring = ?");
  return {
    events: (query: EventQuery) => events.slice(query),
    lastExecutorEnd: (lease: string, node: string, worker: number) =>
      events.lastExecutorEnd(lease, node, worker),
    allEvents: () => events.all(),
    lastEvent: () => events.last,
    putEvent: (event: EventRow) => {
      const { ring, dropped } = events.put(event);
      put(event.seq, ring, JSON.stringify(event));
      if (dropped === undefined) return;
      const first = dropped * EVENTS_PER_BLOCK;
      drop(first, first + EVENTS_PER_BLOCK, ring);
    },
  };
}
