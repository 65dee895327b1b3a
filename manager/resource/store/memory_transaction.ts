/** All rows in memory, with an index for each question that a grant or a heartbeat has. */
import { KEEP_SEEN_MS } from "../policy.ts";
import { BillRows } from "./bill_rows.ts";
import { ClientRows } from "./client_rows.ts";
import { type EventRow, EventRows } from "./event_rows.ts";
import { NodeRows } from "./node_rows.ts";
import type {
  AllocationRow,
  BillPage,
  BillRow,
  HeldSum,
  KeyRow,
  LeasePage,
  LeaseRow,
  LentHourRow,
  NodeRow,
  StoredToken,
  TokenRow,
  Transaction,
} from "./store.ts";
import { TimeIndex } from "./time_index.ts";
import type { UndoLog } from "./undo_log.ts";
import { UnreservedClients } from "./unreserved_clients.ts";

/** The tables. The allocations are a part of their leases. */
export type TableName =
  | "nodes"
  | "leases"
  | "bills"
  | "archives"
  | "tokens"
  | "keys"
  | "lentHours"
  | "leaseEvents"
  | "clusterEvents";

/** The tables of events, by their rings. */
const EVENT_TABLES = { lease: "leaseEvents", cluster: "clusterEvents" } as const;

/** Receives the table and the key of each row that a change writes or deletes. */
export type WriteNotice = (table: TableName, key: string) => void;

/** The time for which ended leases are kept makes some thousand groups at most. */
const LEASE_SPAN_MS = 1000;

/** A {@linkcode Transaction} on rows in memory. */
export class MemoryTransaction implements Transaction {
  readonly #undo: UndoLog;
  readonly #written: WriteNotice;
  readonly #nodes: NodeRows;
  readonly #clients: ClientRows;
  readonly #unreserved: UnreservedClients;
  /** The last-seen time of each node in its last write that was reported. */
  readonly #reportedSeenMs = new Map<string, number>();
  readonly #leases = new Map<string, LeaseRow>();
  /** Those that have not ended, in about the order of their grants. */
  readonly #running = new Map<string, LeaseRow>();
  readonly #ended = new TimeIndex<LeaseRow>(
    (row) => row.endedMs ?? undefined,
    ({ id }) => id,
    LEASE_SPAN_MS,
  );
  /** By lease, then by node. */
  readonly #allocations = new Map<string, Map<string, AllocationRow>>();
  readonly #bills: BillRows;
  readonly #tokens = new Map<string, StoredToken>();
  readonly #keys = new Map<string, KeyRow>();
  /** By the begin of the hour. */
  readonly #lentHours = new Map<string, LentHourRow>();
  readonly #events: EventRows;

  /**
   * @param undo receives the undo step of each write.
   * @param written receives each write that a persistent store must keep.
   */
  constructor(undo: UndoLog, written: WriteNotice = () => {}) {
    this.#undo = undo;
    this.#written = written;
    this.#nodes = new NodeRows(undo);
    this.#bills = new BillRows(undo);
    this.#events = new EventRows(undo);
    this.#clients = new ClientRows(undo);
    this.#unreserved = new UnreservedClients(undo);
  }

  readonly nodeLoads: Transaction["nodeLoads"] = () => this.#nodes.loads();
  readonly nodesByFreeCores: Transaction["nodesByFreeCores"] = () => this.#nodes.byFreeCores();
  readonly nodes: Transaction["nodes"] = () => this.#nodes.loads().map(({ node }) => node);
  readonly node: Transaction["node"] = (id) => this.#nodes.get(id);
  readonly nodeNamed: Transaction["nodeNamed"] = (name) => this.#nodes.named(name);
  readonly liveAllocationsOn: Transaction["liveAllocationsOn"] = (node) => this.#nodes.live(node);
  readonly allocatedOn: Transaction["allocatedOn"] = (node) => this.#nodes.allocated(node);
  readonly lapsedCandidates: Transaction["lapsedCandidates"] = (ms) => this.#nodes.lapsed(ms);
  readonly leasesWithRoot: Transaction["leasesWithRoot"] = (root) => this.#clients.withRoot(root);
  readonly clientOf: Transaction["clientOf"] = (lease) => this.#clients.clientOf(lease);
  readonly expiredLeases: Transaction["expiredLeases"] = (nowMs) => this.#clients.expired(nowMs);
  readonly allocatedTo: Transaction["allocatedTo"] = (client) => this.#clients.usage(client);
  readonly unreservedUntil: Transaction["unreservedUntil"] = (client) =>
    this.#unreserved.until(client);
  readonly putUnreservedUntil: Transaction["putUnreservedUntil"] = (client, ms) =>
    this.#unreserved.put(client, ms);
  readonly events: Transaction["events"] = (query) => this.#events.slice(query);
  readonly lastExecutorEnd: Transaction["lastExecutorEnd"] = (lease, node, worker) =>
    this.#events.lastExecutorEnd(lease, node, worker);
  readonly allEvents: Transaction["allEvents"] = () => this.#events.all();
  readonly lastEvent: Transaction["lastEvent"] = () => this.#events.last;

  putNode(node: NodeRow): void {
    this.#nodes.put(node);
    this.#reportNode(node.id, node.lastSeenMs);
  }

  markSeen(id: string, nowMs: number): void {
    const known = this.#nodes.get(id);
    if (known === undefined) return;
    this.#nodes.put({ ...known, lastSeenMs: nowMs });
    // One write for each heartbeat of each node would cost too much.
    if (nowMs - (this.#reportedSeenMs.get(id) ?? 0) > KEEP_SEEN_MS) this.#reportNode(id, nowMs);
  }

  deleteNode(id: string): void {
    this.#nodes.delete(id);
    this.#reportNode(id, undefined);
  }

  lease(id: string): LeaseRow | undefined {
    return this.#leases.get(id);
  }

  leases(): LeaseRow[] {
    return [...this.#leases.values()].sort(byGrant);
  }

  runningLeases(): LeaseRow[] {
    return [...this.#running.values()].sort(byGrant);
  }

  pageOfLeases({ client, after, limit }: LeasePage): LeaseRow[] {
    const isAfter = ({ issuedMs, id }: LeaseRow) =>
      after === undefined || issuedMs > after.issuedMs ||
      (issuedMs === after.issuedMs && id > after.id);
    return this.runningLeases()
      .filter((lease) => (client === undefined || lease.client === client) && isAfter(lease))
      .slice(0, limit);
  }

  putLease(lease: LeaseRow): void {
    const before = this.#leases.get(lease.id);
    this.#undo.note(() => this.#placeLease(lease.id, before));
    this.#placeLease(lease.id, lease);
    this.#clients.put(lease);
    this.#written("leases", lease.id);
  }

  forgetLeases(beforeMs: number): void {
    for (const lease of this.#ended.before(beforeMs)) this.#forgetLease(lease);
  }

  /** Deletes a lease, running or ended, with its allocations. */
  deleteLease(id: string): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    const { expiresMs: endedMs } = lease;
    for (const each of this.allocationsOf(id)) this.putAllocation({ ...each, state: "ended" });
    const ended = { ...lease, endedMs, endReason: "deleted" };
    this.putLease(ended);
    this.#forgetLease(ended);
  }

  allocation(lease: string, node: string): AllocationRow | undefined {
    return this.#allocations.get(lease)?.get(node);
  }

  allocationsOf(lease: string): AllocationRow[] {
    return [...this.#allocations.get(lease)?.values() ?? []]
      .sort((a, b) => a.node < b.node ? -1 : 1);
  }

  putAllocation(allocation: AllocationRow): void {
    const { lease, node } = allocation;
    let rows = this.#allocations.get(lease);
    if (rows === undefined) {
      this.#undo.note(() => this.#allocations.delete(lease));
      this.#allocations.set(lease, rows = new Map());
    }
    this.#set(rows, node, allocation);
    this.#nodes.putAllocation(allocation);
    this.#written("leases", lease);
  }

  bill(lease: string, node: string, epoch: number): BillRow | undefined {
    return this.#bills.get(`${lease}/${node}/${epoch}`);
  }

  bills(page: BillPage): BillRow[] {
    return this.#bills.page(page);
  }

  heldBetween(fromMs: number, beforeMs: number): HeldSum[] {
    return this.#bills.heldBetween(fromMs, beforeMs);
  }

  putBill(bill: BillRow): void {
    this.#written("bills", this.#bills.put(bill));
  }

  /** Moves bills whose leases are forgotten to an archive. @returns whether there were so many. */
  archiveBills(count: number): boolean {
    const made = this.#bills.archive(count, ({ lease }) => this.lease(lease) === undefined);
    if (made === undefined) return false;
    this.#written("archives", made.archive);
    for (const key of made.keys) this.#written("bills", key);
    return true;
  }

  token(hash: string): StoredToken | undefined {
    return this.#tokens.get(hash);
  }

  replaceToken(token: TokenRow, nowMs: number): void {
    for (const { hash, role, name } of this.#tokens.values()) {
      if (role === token.role && name === token.name) this.deleteToken(hash);
    }
    this.#write("tokens", this.#tokens, token.hash, { quota: {}, ...token, createdMs: nowMs });
  }

  tokens(): StoredToken[] {
    const order = ({ name, role }: StoredToken) => `${name} ${role}`;
    return [...this.#tokens.values()].sort((a, b) => order(a) < order(b) ? -1 : 1);
  }

  pageOfTokens(after: string, limit: number): StoredToken[] {
    return this.tokens().filter(({ name }) => name > after).slice(0, limit);
  }

  deleteToken(hash: string): void {
    this.#write("tokens", this.#tokens, hash, undefined);
  }

  keys(): KeyRow[] {
    return [...this.#keys.values()]
      .sort((a, b) => b.signsFromMs - a.signsFromMs || (a.id < b.id ? -1 : 1));
  }

  key(id: string): KeyRow | undefined {
    return this.#keys.get(id);
  }

  putKey(key: KeyRow): void {
    this.#write("keys", this.#keys, key.id, key);
  }

  deleteKey(id: string): void {
    this.#write("keys", this.#keys, id, undefined);
  }

  lentHours(hourMs: number, limit: number): LentHourRow[] {
    return [...this.#lentHours.values()].filter((row) => row.hourMs >= hourMs)
      .sort((a, b) => a.hourMs - b.hourMs).slice(0, limit);
  }

  lentHour(key: string): LentHourRow | undefined {
    return this.#lentHours.get(key);
  }

  putLentHour(row: LentHourRow): void {
    this.#write("lentHours", this.#lentHours, `${row.hourMs}`, row);
  }

  putEvent(event: EventRow): void {
    const { ring, block, dropped } = this.#events.put(event);
    this.#written(EVENT_TABLES[ring], `${block}`);
    if (dropped !== undefined) this.#written(EVENT_TABLES[ring], `${dropped}`);
  }

  latestMs(): number {
    const seen = this.#nodes.loads().map(({ node }) => node.lastSeenMs);
    const issued = [...this.#leases.values()].map((lease) => lease.issuedMs);
    return [...seen, ...issued].reduce((latest, ms) => Math.max(latest, ms), this.#events.latestMs);
  }

  /** The bills by their keys, as they are reported to {@linkcode WriteNotice}. */
  get billRows(): BillRows {
    return this.#bills;
  }

  /** The events by their blocks, as they are reported to {@linkcode WriteNotice}. */
  get eventRows(): EventRows {
    return this.#events;
  }

  #reportNode(id: string, seenMs: number | undefined): void {
    const before = this.#reportedSeenMs.get(id);
    const place = (ms: number | undefined) => {
      if (ms === undefined) this.#reportedSeenMs.delete(id);
      else this.#reportedSeenMs.set(id, ms);
    };
    this.#undo.note(() => place(before));
    place(seenMs);
    this.#written("nodes", id);
  }

  #forgetLease(lease: LeaseRow): void {
    const allocations = this.#allocations.get(lease.id);
    this.#undo.note(() => {
      this.#placeLease(lease.id, lease);
      if (allocations !== undefined) this.#allocations.set(lease.id, allocations);
    });
    this.#placeLease(lease.id, undefined);
    this.#allocations.delete(lease.id);
    this.#written("leases", lease.id);
  }

  #placeLease(id: string, row: LeaseRow | undefined): void {
    const before = this.#leases.get(id);
    this.#ended.replace(before, row);
    if (row === undefined) this.#leases.delete(id);
    else this.#leases.set(id, row);
    if (row?.endedMs === null) this.#running.set(id, row);
    else this.#running.delete(id);
  }

  #write<V>(table: TableName, rows: Map<string, V>, key: string, row: V | undefined): void {
    this.#set(rows, key, row);
    this.#written(table, key);
  }

  #set<V>(rows: Map<string, V>, key: string, row: V | undefined): void {
    const before = rows.get(key);
    this.#undo.note(() => before === undefined ? rows.delete(key) : rows.set(key, before));
    if (row === undefined) rows.delete(key);
    else rows.set(key, row);
  }
}

function byGrant(a: LeaseRow, b: LeaseRow): number {
  return a.issuedMs - b.issuedMs || (a.id < b.id ? -1 : 1);
}
