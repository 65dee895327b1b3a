/** The tables of leases and of their allocations in SQLite. What each grant reads comes from memory. */
import type { ClientRows } from "../client_rows.ts";
import type { NodeRows } from "../node_rows.ts";
import type { SqliteStatements } from "./sqlite_statements.ts";
import type { AllocationRow, LeaseRow, Transaction } from "../store.ts";

const LEASE_COLUMNS = `id, client, account, workers, memory_bytes AS memoryBytes, root,
  root_workers AS rootWorkers, root_memory_bytes AS rootMemoryBytes, issued_ms AS issuedMs,
  expires_ms AS expiresMs, ended_ms AS endedMs, end_reason AS endReason`;
const ALLOCATION_COLUMNS = `lease, node, workers, memory_bytes AS memoryBytes,
  reserved_workers AS reservedWorkers, state, claim_by_ms AS claimByMs, claimed_ms AS claimedMs, end_reason AS endReason`;

/** The operations on leases. */
type LeaseOperations = Pick<
  Transaction,
  | "lease"
  | "leases"
  | "runningLeases"
  | "pageOfLeases"
  | "expiredLeases"
  | "leasesWithRoot"
  | "allocatedTo"
  | "clientOf"
  | "putLease"
  | "forgetLeases"
>;

/** The operations on allocations. */
type AllocationOperations = Pick<
  Transaction,
  | "allocation"
  | "allocationsOf"
  | "liveAllocationsOn"
  | "lapsedCandidates"
  | "putAllocation"
  | "allocatedOn"
>;

/** Loads the running leases into `clients` and prepares the statements. */
export function sqliteLeases(db: SqliteStatements, clients: ClientRows): LeaseOperations {
  const running = `SELECT ${LEASE_COLUMNS} FROM leases WHERE ended_ms IS NULL`;
  for (const row of db.readAll<LeaseRow>(running)()) clients.put(row);
  const stored = db.readOne<LeaseRow>(`SELECT ${LEASE_COLUMNS} FROM leases WHERE id = ?`);
  const inOrder = "(issued_ms, id) > (?, ?) ORDER BY issued_ms, id LIMIT ?";
  const page = db.readAll<LeaseRow>(`${running} AND ${inOrder}`);
  const pageOfClient = db.readAll<LeaseRow>(`${running} AND client = ? AND ${inOrder}`);
  const put = db.write(
    `INSERT INTO leases (id, client, workers, memory_bytes, issued_ms, expires_ms,
      ended_ms, end_reason, root, root_workers, root_memory_bytes, account)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET workers = excluded.workers,
      memory_bytes = excluded.memory_bytes, expires_ms = excluded.expires_ms,
      ended_ms = excluded.ended_ms, end_reason = excluded.end_reason`,
  );
  return {
    lease: (id) => clients.running(id) ?? stored(id),
    leases: db.readAll<LeaseRow>(`SELECT ${LEASE_COLUMNS} FROM leases ORDER BY issued_ms, id`),
    runningLeases: db.readAll<LeaseRow>(`${running} ORDER BY issued_ms, id`),
    pageOfLeases: ({ client, after = { issuedMs: -1, id: "" }, limit }) => {
      const { issuedMs, id } = after;
      return client === undefined
        ? page(issuedMs, id, limit)
        : pageOfClient(client, issuedMs, id, limit);
    },
    expiredLeases: (nowMs) => clients.expired(nowMs),
    leasesWithRoot: (root) => clients.withRoot(root),
    clientOf: (lease) => clients.clientOf(lease),
    allocatedTo: (client) => clients.usage(client),
    putLease: (lease) => {
      put(
        lease.id,
        lease.client,
        lease.workers,
        lease.memoryBytes,
        lease.issuedMs,
        lease.expiresMs,
        lease.endedMs,
        lease.endReason,
        lease.root,
        lease.rootWorkers,
        lease.rootMemoryBytes,
        lease.account,
      );
      clients.put(lease);
    },
    forgetLeases: db.write("DELETE FROM leases WHERE ended_ms < ?"),
  };
}

/** Loads the live allocations into `rows` and prepares the statements. */
export function sqliteAllocations(db: SqliteStatements, rows: NodeRows): AllocationOperations {
  const select = `SELECT ${ALLOCATION_COLUMNS} FROM allocations`;
  const live = db.readAll<AllocationRow>(`${select} WHERE state <> 'ended'`);
  for (const row of live()) rows.putAllocation(row);
  const put = db.write(
    `INSERT INTO allocations (lease, node, workers, memory_bytes, reserved_workers, state,
      claim_by_ms, claimed_ms, end_reason)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (lease, node) DO UPDATE SET workers = excluded.workers,
      memory_bytes = excluded.memory_bytes, state = excluded.state,
      claim_by_ms = excluded.claim_by_ms, claimed_ms = excluded.claimed_ms,
      end_reason = excluded.end_reason`,
  );
  return {
    allocation: db.readOne<AllocationRow>(`${select} WHERE lease = ? AND node = ?`),
    allocationsOf: db.readAll<AllocationRow>(`${select} WHERE lease = ? ORDER BY node`),
    liveAllocationsOn: (node) => rows.live(node),
    lapsedCandidates: (nowMs) => rows.lapsed(nowMs),
    putAllocation: (allocation) => {
      put(
        allocation.lease,
        allocation.node,
        allocation.workers,
        allocation.memoryBytes,
        allocation.reservedWorkers,
        allocation.state,
        allocation.claimByMs,
        allocation.claimedMs,
        allocation.endReason,
      );
      rows.putAllocation(allocation);
    },
    allocatedOn: (node) => rows.allocated(node),
  };
}
