/** The rows of the store as prepared statements over SQLite. */
import type { DatabaseSync } from "node:sqlite";
import type { ClientRows } from "./client_rows.ts";
import type { NodeRows } from "./node_rows.ts";
import { keepSeenMs } from "./policy.ts";
import { sqliteBills } from "./sqlite_bills.ts";
import type {
  AllocationRow,
  KeyRow,
  LeaseRow,
  NodeRow,
  Quota,
  StoredToken,
  Transaction,
} from "./store.ts";

const nodeColumns = `id, name, cores, memory_bytes AS memoryBytes, addresses, boot_id AS bootId,
  epoch, last_seen_ms AS lastSeenMs, drain_ms AS drainMs`;
const leaseColumns = `id, client, workers, memory_bytes AS memoryBytes, root,
  root_workers AS rootWorkers, root_memory_bytes AS rootMemoryBytes, issued_ms AS issuedMs,
  expires_ms AS expiresMs, ended_ms AS endedMs, end_reason AS endReason`;
const allocationColumns = `lease, node, workers, memory_bytes AS memoryBytes, state,
  claim_by_ms AS claimByMs, claimed_ms AS claimedMs, end_reason AS endReason`;
const tokenColumns = "hash, role, name, created_ms AS createdMs, quota";

/** A node as SQLite holds it: its addresses are one text. */
type StoredNode = Omit<NodeRow, "addresses"> & { addresses: string };

/** A token as SQLite holds it: its quota is one text. */
type TokenText = Omit<StoredToken, "quota"> & { quota: string };

/**
 * Prepares the statements. The columns are named as the rows' fields, so rows need no mapping.
 *
 * @param rows gets the nodes and their live allocations; they are written through to the file and read from memory.
 * @param clients gets the leases that run.
 */
export function sqliteTransaction(
  db: DatabaseSync,
  rows: NodeRows,
  clients: ClientRows,
): Transaction {
  const one = <T>(sql: string) => {
    const statement = db.prepare(sql);
    return (...values: (string | number)[]) => statement.get(...values) as T | undefined;
  };
  const all = <T>(sql: string) => {
    const statement = db.prepare(sql);
    return (...values: (string | number)[]) => statement.all(...values) as T[];
  };
  const run = (sql: string) => {
    const statement = db.prepare(sql);
    return (...values: (string | number | null)[]) => void statement.run(...values);
  };

  for (const row of all<StoredNode>(`SELECT ${nodeColumns} FROM nodes`)()) rows.put(readNode(row));
  const live = `SELECT ${allocationColumns} FROM allocations WHERE state <> 'ended'`;
  for (const row of all<AllocationRow>(live)()) rows.putAllocation(row);

  const running = `SELECT ${leaseColumns} FROM leases WHERE ended_ms IS NULL`;
  for (const row of all<LeaseRow>(running)()) clients.put(row);

  const putNode = run(`INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, cores = excluded.cores,
      memory_bytes = excluded.memory_bytes, addresses = excluded.addresses,
      boot_id = excluded.boot_id, epoch = excluded.epoch, last_seen_ms = excluded.last_seen_ms,
      drain_ms = excluded.drain_ms`);
  // Written now and then only: a heartbeat of each node each second is not worth a write each.
  const sawNode = run("UPDATE nodes SET last_seen_ms = ? WHERE id = ? AND last_seen_ms < ?");
  const deleteNode = run("DELETE FROM nodes WHERE id = ?");
  const putLease = run(
    `INSERT INTO leases (id, client, workers, memory_bytes, issued_ms, expires_ms,
      ended_ms, end_reason, root, root_workers, root_memory_bytes)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET workers = excluded.workers,
      memory_bytes = excluded.memory_bytes, expires_ms = excluded.expires_ms, ended_ms = excluded.ended_ms, end_reason = excluded.end_reason`,
  );
  const putAllocation = run(`INSERT INTO allocations VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (lease, node) DO UPDATE SET workers = excluded.workers,
      memory_bytes = excluded.memory_bytes, state = excluded.state, claim_by_ms = excluded.claim_by_ms, claimed_ms = excluded.claimed_ms,
      end_reason = excluded.end_reason`);
  const dropTokens = run("DELETE FROM tokens WHERE role = ? AND name = ?");
  const putToken = run("INSERT INTO tokens VALUES (?, ?, ?, ?, ?)");
  const token = one<TokenText>(`SELECT ${tokenColumns} FROM tokens WHERE hash = ?`);
  const tokens = all<TokenText>(`SELECT ${tokenColumns} FROM tokens ORDER BY name, role`);
  const putKey = run(`INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET drop_ms = excluded.drop_ms`);
  const latestIssued = one<{ ms: number | null }>("SELECT MAX(issued_ms) AS ms FROM leases");

  return {
    nodeLoads: () => rows.loads(),
    nodes: () => rows.loads().map(({ node }) => node),
    node: (id) => rows.get(id),
    nodeNamed: (name) => rows.named(name),
    putNode: (n) => {
      putNode(
        n.id,
        n.name,
        n.cores,
        n.memoryBytes,
        JSON.stringify(n.addresses),
        n.bootId,
        n.epoch,
        n.lastSeenMs,
        n.drainMs,
      );
      rows.put(n);
    },
    sawNode: (id, nowMs) => {
      const known = rows.get(id);
      if (known === undefined) return;
      rows.put({ ...known, lastSeenMs: nowMs });
      sawNode(nowMs, id, nowMs - keepSeenMs);
    },
    deleteNode: (id) => {
      deleteNode(id);
      rows.delete(id);
    },

    lease: one<LeaseRow>(`SELECT ${leaseColumns} FROM leases WHERE id = ?`),
    runningLeases: all<LeaseRow>(
      `SELECT ${leaseColumns} FROM leases WHERE ended_ms IS NULL ORDER BY issued_ms, id`,
    ),
    expiredLeases: all<LeaseRow>(
      `SELECT ${leaseColumns} FROM leases WHERE ended_ms IS NULL AND expires_ms <= ?`,
    ),
    family: (root) => clients.family(root),
    takenBy: (client) => clients.taken(client),
    putLease: (l) => {
      putLease(
        l.id,
        l.client,
        l.workers,
        l.memoryBytes,
        l.issuedMs,
        l.expiresMs,
        l.endedMs,
        l.endReason,
        l.root,
        l.rootWorkers,
        l.rootMemoryBytes,
      );
      clients.put(l);
    },
    forgetLeases: run("DELETE FROM leases WHERE ended_ms < ?"),

    allocation: one<AllocationRow>(
      `SELECT ${allocationColumns} FROM allocations WHERE lease = ? AND node = ?`,
    ),
    allocationsOf: all<AllocationRow>(
      `SELECT ${allocationColumns} FROM allocations WHERE lease = ? ORDER BY node`,
    ),
    liveAllocationsOn: (node) => rows.live(node),
    lapsedCandidates: (nowMs) => rows.lapsed(nowMs),
    putAllocation: (a) => {
      putAllocation(
        a.lease,
        a.node,
        a.workers,
        a.memoryBytes,
        a.state,
        a.claimByMs,
        a.claimedMs,
        a.endReason,
      );
      rows.putAllocation(a);
    },
    takenOn: (node) => rows.taken(node),

    ...sqliteBills(db),

    token: (hash) => {
      const row = token(hash);
      return row === undefined ? undefined : readToken(row);
    },
    replaceToken: ({ hash, role, name, quota = {} }, nowMs) => {
      dropTokens(role, name);
      putToken(hash, role, name, nowMs, JSON.stringify(quota));
    },
    tokens: () => tokens().map(readToken),
    deleteToken: run("DELETE FROM tokens WHERE hash = ?"),

    keys: all<KeyRow>(
      `SELECT id, public_key AS publicKey, private_pkcs8 AS privatePkcs8, created_ms AS createdMs,
       signs_from_ms AS signsFromMs, drop_ms AS dropMs FROM keys ORDER BY signs_from_ms DESC, id`,
    ),
    putKey: (k) => putKey(k.id, k.publicKey, k.privatePkcs8, k.createdMs, k.signsFromMs, k.dropMs),
    deleteKey: run("DELETE FROM keys WHERE id = ?"),

    latestMs: () =>
      rows.loads().reduce((ms, { node }) => Math.max(ms, node.lastSeenMs), latestIssued()?.ms ?? 0),
  };
}

function readNode(row: StoredNode): NodeRow {
  return { ...row, addresses: JSON.parse(row.addresses) as string[] };
}

function readToken(row: TokenText): StoredToken {
  return { ...row, quota: JSON.parse(row.quota) as Quota };
}
