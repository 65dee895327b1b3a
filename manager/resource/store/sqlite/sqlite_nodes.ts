/** The table of nodes: read from memory, written through to SQLite. */
import { KEEP_SEEN_MS } from "../../policy.ts";
import type { NodeRows } from "../node_rows.ts";
import type { SqliteStatements } from "./sqlite_statements.ts";
import type { NodeRow, Transaction } from "../store.ts";

const COLUMNS = `id, name, cores, memory_bytes AS memoryBytes, addresses, boot_id AS bootId,
  epoch, last_seen_ms AS lastSeenMs, drain_ms AS drainMs, sandbox,
  lost_ms AS lostMs, max_cores AS maxCores, limits`;

/** A node as SQLite holds it, with its addresses and its limits as texts. */
type StoredNode = Omit<NodeRow, "addresses" | "limits"> & { addresses: string; limits: string };

/** The operations on nodes. */
type NodeOperations = Pick<
  Transaction,
  | "nodeLoads"
  | "nodesByFreeCores"
  | "nodes"
  | "node"
  | "nodeNamed"
  | "putNode"
  | "markSeen"
  | "deleteNode"
>;

/** Loads all nodes into `rows` and prepares the statements. */
export function sqliteNodes(db: SqliteStatements, rows: NodeRows): NodeOperations {
  for (const row of db.readAll<StoredNode>(`SELECT ${COLUMNS} FROM nodes`)()) {
    rows.put({
      ...row,
      addresses: JSON.parse(row.addresses) as string[],
      limits: JSON.parse(row.limits) as NodeRow["limits"],
    });
  }
  const put = db.write(`INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, cores = excluded.cores,
      memory_bytes = excluded.memory_bytes, addresses = excluded.addresses,
      boot_id = excluded.boot_id, epoch = excluded.epoch, last_seen_ms = excluded.last_seen_ms,
      drain_ms = excluded.drain_ms, sandbox = excluded.sandbox, lost_ms = excluded.lost_ms,
      max_cores = excluded.max_cores, limits = excluded.limits`);
  const markSeen = db.write("UPDATE nodes SET last_seen_ms = ? WHERE id = ?");
  const remove = db.write("DELETE FROM nodes WHERE id = ?");
  return {
    nodeLoads: () => rows.loads(),
    nodesByFreeCores: () => rows.byFreeCores(),
    nodes: () => rows.loads().map(({ node }) => node),
    node: (id) => rows.get(id),
    nodeNamed: (name) => rows.named(name),
    putNode: (node) => {
      put(
        node.id,
        node.name,
        node.cores,
        node.memoryBytes,
        JSON.stringify(node.addresses),
        node.bootId,
        node.epoch,
        node.lastSeenMs,
        node.drainMs,
        node.sandbox,
        node.lostMs,
        node.maxCores,
        JSON.stringify(node.limits),
      );
      rows.put(node);
    },
    markSeen: (id, nowMs) => {
      const known = rows.get(id);
      if (known === undefined) return;
      rows.put({ ...known, lastSeenMs: nowMs });
      // One write for each heartbeat of each node would cost too much.
      if (keptSpan(id, nowMs) > keptSpan(id, known.lastSeenMs)) markSeen(nowMs, id);
    },
    deleteNode: (id) => {
      remove(id);
      rows.delete(id);
    },
  };
}

/** The number of a span of {@linkcode KEEP_SEEN_MS}. Those of one node begin at other times than those of most others. */
function keptSpan(id: string, ms: number): number {
  const offset = Number.parseInt(id.slice(-6), 16) || 0;
  return Math.floor((ms + offset % KEEP_SEEN_MS) / KEEP_SEEN_MS);
}
