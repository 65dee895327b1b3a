import type { ClientRows } from "../client_rows.ts";
import type { EventRows } from "../event_rows.ts";
import type { NodeRows } from "../node_rows.ts";
import { sqliteBills } from "./sqlite_bills.ts";
import { sqliteEvents } from "./sqlite_events.ts";
import { sqliteAllocations, sqliteLeases } from "./sqlite_leases.ts";
import { sqliteNodes } from "./sqlite_nodes.ts";
import { sqliteLentHours } from "./sqlite_lent_hours.ts";
import type { SqliteStatements } from "./sqlite_statements.ts";
import { sqliteKeys, sqliteTokens } from "./sqlite_tokens.ts";
import type { Transaction } from "../store.ts";
import type { UnreservedClients } from "../unreserved_clients.ts";

/**
 * The rows of all tables over SQLite.
 *
 * @param rows receives the nodes and their live allocations.
 * @param clients receives the running leases.
 * @param unreserved the clients for which nothing is reserved.
 * @param events receives the last events.
 */
export function sqliteTransaction(
  db: SqliteStatements,
  rows: NodeRows,
  clients: ClientRows,
  unreserved: UnreservedClients,
  events: EventRows,
): Transaction {
  const latestIssued = db.readOne<{ ms: number | null }>("SELECT MAX(issued_ms) AS ms FROM leases");
  return {
    ...sqliteNodes(db, rows),
    ...sqliteLeases(db, clients),
    ...sqliteAllocations(db, rows),
    ...sqliteBills(db),
    ...sqliteTokens(db),
    ...sqliteKeys(db),
    ...sqliteLentHours(db),
    ...sqliteEvents(db, events),
    unreservedUntil: (client) => unreserved.until(client),
    putUnreservedUntil: (client, ms) => unreserved.put(client, ms),
    latestMs: () =>
      rows.loads().reduce(
        (ms, { node }) => Math.max(ms, node.lastSeenMs),
        Math.max(latestIssued()?.ms ?? 0, events.latestMs),
      ),
  };
}
