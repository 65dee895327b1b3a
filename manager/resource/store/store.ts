/**
 * The state of the resource manager, independent of the engine that keeps it.
 *
 * A change is a function of a {@linkcode Transaction}, which shows one state of the rows. Its writes take effect all
 * together or not at all. A change is synchronous, and depends on the rows and on its arguments alone: a caller passes
 * the time, new ids and random numbers in, and logs afterwards. So a replicated store may run it on its own copy of the
 * rows, and run it again after a conflict.
 */
import { memoryShare } from "../../../runtime/grant/memory_share.ts";
import type { StoredKey } from "../../../runtime/grant/grant_key.ts";
import type { StateNotKeptError } from "./store_errors.ts";
import type { EventQuery, EventRow, EventSlice } from "./event_rows.ts";

/** The role of a token. */
export type Role = "operator" | "node" | "client";

/** A node. All times are milliseconds of the resource manager's clock, all sizes are in bytes. */
export interface NodeRow {
  readonly id: string;
  readonly name: string;
  /** Those that it lends, or would lend if it did not drain: `maxCores`, or less by `limits`. */
  readonly cores: number;
  /** The most that it may lend. */
  readonly maxCores: number;
  readonly memoryBytes: number;
  readonly addresses: readonly string[];
  readonly bootId: string;
  /** The sandbox of its executors. */
  readonly sandbox: string;
  /** The number of starts of the node's executor manager. */
  readonly epoch: number;
  readonly lastSeenMs: number;
  /** The grace period of its leases while it drains, which follows from `limits`; null while it lends. */
  readonly drainMs: number | null;
  /** When it was found to be lost; null since its next heartbeat. */
  readonly lostMs: number | null;
  /** What the operator and programs such as `slurm` limit it to, by their names. */
  readonly limits: Readonly<Record<string, LentLimit>>;
}

/** The most that a node may lend, by one that set it. */
export interface LentLimit {
  /** 0 drains the node. */
  readonly cores: number;
  /** The grace period of leases beyond it. */
  readonly graceMs: number;
}

/** A lease, running or ended. */
export interface LeaseRow {
  readonly id: string;
  /** The name of the client's token. */
  readonly client: string;
  /** The account of the client's token when it was granted; null if it had none. */
  readonly account: string | null;
  /** Without the allocations that have ended. */
  readonly workers: number;
  readonly memoryBytes: number;
  /** The first of the leases that replaced each other: its own id, or another's. */
  readonly root: string;
  /** The size of the root when it was granted. A quota counts all leases with one root as one of this size. */
  readonly rootWorkers: number;
  readonly rootMemoryBytes: number;
  readonly issuedMs: number;
  readonly expiresMs: number;
  /** Null while it runs. */
  readonly endedMs: number | null;
  readonly endReason: string | null;
}

/** What a lease has, or may get, of one node. */
export interface AllocationRow {
  readonly lease: string;
  readonly node: string;
  readonly workers: number;
  readonly memoryBytes: number;
  /** Of the workers of a candidate, those whose cores are kept free until it is claimed, or lapses after `claimByMs`. */
  readonly reservedWorkers: number;
  readonly state: "candidate" | "claimed" | "ended";
  readonly claimByMs: number;
  readonly claimedMs: number | null;
  readonly endReason: string | null;
}

/** The limits of one client. A missing field is not limited. */
export interface Quota {
  /** Workers of all its running leases together. */
  readonly workers?: number;
  /** Memory of all its running leases together. */
  readonly memoryBytes?: number;
  /** Leases that run at a time. */
  readonly leases?: number;
  /** The longest term that it may request. */
  readonly termMs?: number;
  /** The rate of its requests. A burst may have as many as one second allows. */
  readonly requestsPerSecond?: number;
}

/** A token. The store holds the SHA-256 of its text. Only a shared store has texts, sealed, and only of first tokens. */
export interface TokenRow {
  readonly hash: string;
  readonly role: Role;
  /** Unique within a role. */
  readonly name: string;
  /** Missing: the token itself limits nothing. */
  readonly quota?: Quota;
  /** The account of a client in the accounting of its site. */
  readonly account?: string;
  /** The class of a client; missing: the default one. */
  readonly class?: string;
  /** The text of a role's first token, where managers share a store: each writes it to its own file. */
  readonly text?: string;
}

/** A token with the time of its creation. */
export interface StoredToken extends TokenRow {
  readonly createdMs: number;
}

/** What a lease used of a node under one epoch. Outlives the rows of the lease and of the node. */
export interface BillRow {
  readonly lease: string;
  readonly node: string;
  readonly epoch: number;
  readonly client: string;
  /** The account of the lease; null if it had none. */
  readonly account: string | null;
  readonly workers: number;
  readonly memoryBytes: number;
  /** The times of the admission and of the last report. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Nanoseconds held since the admission, computed and polled. */
  readonly heldNs: bigint;
  readonly computeNs: bigint;
  readonly pollNs: bigint;
}

/** What a client has held under one account. */
export interface HeldSum extends Pick<BillRow, "client" | "account"> {
  readonly coreMs: number;
}

/** The position of a bill in an order: a time, then its key. */
export interface BillPlace extends Pick<BillRow, "lease" | "node" | "epoch"> {
  readonly ms: number;
}

/** The position of a bill in the order of last reports, or in that of admissions. */
export function placeOf(bill: BillRow, byGrowth: boolean): BillPlace {
  const { lease, node, epoch } = bill;
  return { ms: byGrowth ? bill.untilMs : bill.sinceMs, lease, node, epoch };
}

/** A selection of bills in one of two orders. Each order has an index, so a page reads only its own rows. */
export interface BillPage {
  /** The bills of one client; missing: of all. */
  readonly client?: string | undefined;
  /** Bills reported at or after this time, by their last report; missing: all, by their admission. */
  readonly sinceMs?: number | undefined;
  /** The position before the page; missing: from the first. */
  readonly after?: BillPlace | undefined;
  readonly limit: number;
}

/** The position of a lease in the order of grants. */
export type LeasePlace = Pick<LeaseRow, "issuedMs" | "id">;

/** A selection of running leases in the order of their grants. Indexes make a page read only its own rows. */
export interface LeasePage {
  /** The leases of one client; missing: of all. */
  readonly client?: string | undefined;
  /** The position before the page; missing: from the first. */
  readonly after?: LeasePlace | undefined;
  readonly limit: number;
}

/** A key that signs grants now, earlier or later. */
export interface KeyRow extends StoredKey {
  readonly createdMs: number;
  readonly signsFromMs: number;
  /** When its last grant ends; null until another key signs. */
  readonly dropMs: number | null;
}

/** What all nodes together had to lend in an hour. Only times while a resource manager ran count. */
export interface LentHourRow {
  /** The begin of the hour, in milliseconds since 1970. */
  readonly hourMs: number;
  /** The first and the last moment that counted. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Cores times milliseconds. */
  readonly coreMs: number;
}

/** Workers and memory: requested, free or allocated. */
export interface Resources {
  readonly workers: number;
  readonly memoryBytes: number;
}

/** What an allocation takes of its node: of a candidate, what is reserved for it. */
export function takenBy(allocation: AllocationRow): Resources {
  const { state, workers, reservedWorkers, memoryBytes } = allocation;
  if (state === "ended" || (state === "candidate" && reservedWorkers === 0)) return NOTHING;
  if (state === "claimed") return { workers, memoryBytes };
  return {
    workers: reservedWorkers,
    memoryBytes: memoryShare(memoryBytes, reservedWorkers, workers),
  };
}

const NOTHING: Resources = { workers: 0, memoryBytes: 0 };

/** A node with the sum of its allocations. */
export interface NodeLoad {
  readonly node: NodeRow;
  readonly allocated: Resources;
}

/** What a client uses. */
export interface ClientUsage extends Resources {
  readonly leases: number;
}

/** The rows at one moment. A list has no promised order unless its text names one. */
export interface Transaction {
  /** All nodes with the sums of their allocations, by name. */
  nodeLoads(): readonly NodeLoad[];
  /** The same, those with the most free cores first, then by name. */
  nodesByFreeCores(): readonly NodeLoad[];
  /** All nodes, by name. */
  nodes(): readonly NodeRow[];
  node(id: string): NodeRow | undefined;
  nodeNamed(name: string): NodeRow | undefined;
  putNode(node: NodeRow): void;
  /** Records that a known node is alive. A reopened store may have lost the last 30 s of this. */
  markSeen(id: string, nowMs: number): void;
  deleteNode(id: string): void;

  lease(id: string): LeaseRow | undefined;
  /** All leases, also those that have ended, oldest first. */
  leases(): LeaseRow[];
  /** Leases that have not ended, oldest first. */
  runningLeases(): LeaseRow[];
  /** A page of the leases that have not ended, oldest first. */
  pageOfLeases(page: LeasePage): LeaseRow[];
  /** Leases that have not ended although their `expiresMs` is at or before `nowMs`. */
  expiredLeases(nowMs: number): LeaseRow[];
  /** Leases with this root that have not ended. */
  leasesWithRoot(root: string): readonly LeaseRow[];
  /** The client of a lease that has not ended. */
  clientOf(lease: string): string | undefined;
  /** The sum over the roots of a client's leases that have not ended. */
  allocatedTo(client: string): ClientUsage;
  putLease(lease: LeaseRow): void;
  /** Deletes leases that ended before `beforeMs`, with their allocations. */
  forgetLeases(beforeMs: number): void;

  allocation(lease: string, node: string): AllocationRow | undefined;
  /** All allocations of a lease, including ended ones, by node. */
  allocationsOf(lease: string): AllocationRow[];
  /** Allocations of a node that have not ended. */
  liveAllocationsOn(node: string): AllocationRow[];
  /** Candidates whose `claimByMs` is before `nowMs`. */
  lapsedCandidates(nowMs: number): AllocationRow[];
  putAllocation(allocation: AllocationRow): void;
  /** The sum of what the allocations of a node take. */
  allocatedOn(node: string): Resources;

  /** Until when nothing is reserved for a client, or 0. A store that was opened again has forgotten it. */
  unreservedUntil(client: string): number;
  putUnreservedUntil(client: string, ms: number): void;

  bill(lease: string, node: string, epoch: number): BillRow | undefined;
  bills(page: BillPage): BillRow[];
  /** What was held of bills with their last report at or after `fromMs` and before `beforeMs`, by account and client. */
  heldBetween(fromMs: number, beforeMs: number): HeldSum[];
  /** Stores a bill. Of a known bill, only the durations and `untilMs` change. */
  putBill(bill: BillRow): void;

  token(hash: string): TokenRow | undefined;
  /** Stores this token, and deletes others with its role and name. */
  replaceToken(token: TokenRow, nowMs: number): void;
  /** All tokens, by name. */
  tokens(): StoredToken[];
  /** The tokens with names after `after`, at most `limit`, by name. */
  pageOfTokens(after: string, limit: number): StoredToken[];
  deleteToken(hash: string): void;

  /** All keys. The key that signs from the latest time is the first. */
  keys(): KeyRow[];
  putKey(key: KeyRow): void;
  deleteKey(id: string): void;

  /** What nodes had to lend in the hours that begin at `hourMs` or later, at most `limit`, oldest first. */
  lentHours(hourMs: number, limit: number): readonly LentHourRow[];
  putLentHour(row: LentHourRow): void;

  /** The events that match a query. The last ones are kept, as many as policy.ts names. */
  events(query: EventQuery): EventSlice;
  /** The event of the last executor of a worker that ended on a node, if it is kept. */
  lastExecutorEnd(lease: string, node: string, worker: number): EventRow | undefined;
  /** All events that are kept, oldest first. */
  allEvents(): EventRow[];
  /** The number of the last event, or 0. */
  lastEvent(): number;
  /** Adds an event behind all others. */
  putEvent(event: EventRow): void;

  /** The latest time in any row, or 0. */
  latestMs(): number;
}

/** What a store has in addition if several resource managers share it. */
export interface SharedStore {
  /** A clock that begins after all times that earlier leaders have issued. */
  readonly clock: () => number;
  /** When this process began to lead, by that clock. */
  readonly sinceMs: number;
  /** Whether no other resource manager can lead at this moment. */
  readonly leads: () => boolean;
  /** Resolves when this process does not lead any more, with the reason. The store refuses all changes then. */
  readonly ended: Promise<Error>;
}

/** Keeps the rows. */
export interface Store {
  /** The files without which the state is lost. @default none */
  readonly files?: readonly string[];
  /** Present if several managers share the store, one at a time. */
  readonly shared?: SharedStore;
  /** Why it makes no changes any more; undefined while it does. */
  readonly failure?: StateNotKeptError | undefined;
  /**
   * Runs a change, after those requested earlier.
   *
   * @returns what the change returned, once its writes are durable.
   * @throws the error that the change threw, in which case none of its writes took effect.
   */
  transact<T>(change: (tx: Transaction) => T): Promise<T>;
  /** Finishes the changes that were requested earlier, then releases everything. May be called twice. */
  close(): void | Promise<void>;
}
