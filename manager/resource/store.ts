/**
 * What the resource manager remembers, whatever keeps it.
 *
 * A change is a function over a {@linkcode Transaction} which sees one state and whose writes take
 * effect all together or not at all. It is synchronous and does nothing but read and write rows, so
 * that a replicated store may run it on its own copy of the rows and run it again when the commit
 * was beaten by another.
 */
import type { StoredKey } from "../../runtime/grant/grant_key.ts";

/** Who holds a token. */
export type Role = "operator" | "node" | "client";

/** Times are milliseconds of the resource manager's clock, memory is in bytes. */
export interface NodeRow {
  readonly id: string;
  readonly name: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly addresses: string[];
  readonly bootId: string;
  /** The number of starts of the node's executor manager. */
  readonly epoch: number;
  readonly lastSeenMs: number;
  /** The notice of its leases while it is to be drained; null while it lends. */
  readonly drainMs: number | null;
}

/** A lease, running or ended. */
export interface LeaseRow {
  readonly id: string;
  /** The name of the client's token. */
  readonly client: string;
  /** Without what it had of nodes where it has ended. */
  readonly workers: number;
  readonly memoryBytes: number;
  /** The first of the leases that have followed each other in the place of one: its own id, or another's. */
  readonly root: string;
  /** What that one was given. For a quota they count as one, and as large as this, until the last has ended. */
  readonly rootWorkers: number;
  readonly rootMemoryBytes: number;
  readonly issuedMs: number;
  readonly expiresMs: number;
  /** Null while it runs. */
  readonly endedMs: number | null;
  readonly endReason: string | null;
}

/** What a lease has, or may come to have, of one node. */
export interface AllocationRow {
  readonly lease: string;
  readonly node: string;
  readonly workers: number;
  readonly memoryBytes: number;
  /** A candidate counts as taken until it is claimed, or lapses after `claimByMs`. */
  readonly state: "candidate" | "claimed" | "ended";
  readonly claimByMs: number;
  readonly claimedMs: number | null;
  readonly endReason: string | null;
}

/** What a client may have at most; what is left out is not limited. */
export interface Quota {
  /** Workers of all its running leases together. */
  readonly workers?: number;
  /** Memory of all its running leases together. */
  readonly memoryBytes?: number;
  /** Leases that run at a time. */
  readonly leases?: number;
  /** The longest term that it may ask for. */
  readonly seconds?: number;
  /** Requests over time; for a moment it may make as many as this at once. */
  readonly requestsPerSecond?: number;
}

/** A token is known by the SHA-256 of its text only. */
export interface TokenRow {
  readonly hash: string;
  readonly role: Role;
  /** No two tokens of a role have the same. */
  readonly name: string;
  /** Left out: nothing is limited by the token itself. */
  readonly quota?: Quota;
}

/** A token and when it was made. */
export interface StoredToken extends TokenRow {
  readonly createdMs: number;
}

/** What a lease has had of a node under one start of its manager. Outlives the lease's and the node's rows. */
export interface BillRow {
  readonly lease: string;
  readonly node: string;
  readonly epoch: number;
  readonly client: string;
  readonly workers: number;
  readonly memoryBytes: number;
  /** When it was admitted, and when it was last told of. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Nanoseconds from admission to the end, of computing and of polling. */
  readonly heldNs: bigint;
  readonly computeNs: bigint;
  readonly pollNs: bigint;
}

/** Where a bill stands in an order of theirs: by a time, then by what names it. */
export interface BillPlace extends Pick<BillRow, "lease" | "node" | "epoch"> {
  readonly ms: number;
}

/** By when it was told of last, or by when it was admitted. */
export function placeOf(bill: BillRow, byGrowth: boolean): BillPlace {
  const { lease, node, epoch } = bill;
  return { ms: byGrowth ? bill.untilMs : bill.sinceMs, lease, node, epoch };
}

/** Some of the bills, in one of two orders, each of which has an index: no page needs a look at more than it holds. */
export interface BillPage {
  /** One client's; of all if left out. */
  readonly client?: string | undefined;
  /** Those that were told of at or after this time, by when that was. If left out: all, by when they were admitted. */
  readonly sinceMs?: number | undefined;
  /** Those behind this place; from the first if left out. */
  readonly after?: BillPlace | undefined;
  readonly limit: number;
}

/** A key that signs grants, or did, or will. */
export interface KeyRow extends StoredKey {
  readonly createdMs: number;
  readonly signsFromMs: number;
  /** When its last grant is over; null until another key signs. */
  readonly dropMs: number | null;
}

/** What is taken of a node. */
export interface Taken {
  readonly workers: number;
  readonly memoryBytes: number;
}

/** A node and what is taken of it. */
export interface NodeLoad {
  readonly node: NodeRow;
  readonly taken: Taken;
}

/** What a client has. */
export interface TakenBy extends Taken {
  readonly leases: number;
}

/** The rows as of one moment. Lists are in no promised order unless said. */
export interface Transaction {
  /** All nodes with what is taken of them, by name. */
  nodeLoads(): readonly NodeLoad[];
  /** All nodes, by name. */
  nodes(): readonly NodeRow[];
  node(id: string): NodeRow | undefined;
  nodeNamed(name: string): NodeRow | undefined;
  putNode(node: NodeRow): void;
  /** Notes that a node lives, if it is known. A store that is opened again may have forgotten the last 30 s of this. */
  sawNode(id: string, nowMs: number): void;
  deleteNode(id: string): void;

  lease(id: string): LeaseRow | undefined;
  /** Leases that have not ended, oldest first. */
  runningLeases(): LeaseRow[];
  /** Leases that have not ended although `expiresMs` is not after `nowMs`. */
  expiredLeases(nowMs: number): LeaseRow[];
  /** Leases of a root that have not ended. */
  family(root: string): readonly LeaseRow[];
  /** The sum over the roots of a client's leases that have not ended. */
  takenBy(client: string): TakenBy;
  putLease(lease: LeaseRow): void;
  /** Forgets leases that ended before `beforeMs`, with their allocations. */
  forgetLeases(beforeMs: number): void;

  allocation(lease: string, node: string): AllocationRow | undefined;
  /** All allocations of a lease, also the ended ones, by node. */
  allocationsOf(lease: string): AllocationRow[];
  /** Allocations of a node that have not ended. */
  liveAllocationsOn(node: string): AllocationRow[];
  /** Candidates whose `claimByMs` is before `nowMs`. */
  lapsedCandidates(nowMs: number): AllocationRow[];
  putAllocation(allocation: AllocationRow): void;
  /** The sum over the allocations of a node that have not ended. */
  takenOn(node: string): Taken;

  bill(lease: string, node: string, epoch: number): BillRow | undefined;
  /** A page of bills. */
  bills(page: BillPage): BillRow[];
  /** Keeps a bill; of one that is known only the durations and `untilMs` change. */
  putBill(bill: BillRow): void;

  token(hash: string): TokenRow | undefined;
  /** Keeps this token and forgets others of the same role and name. */
  replaceToken(token: TokenRow, nowMs: number): void;
  /** All tokens, by name. */
  tokens(): StoredToken[];
  deleteToken(hash: string): void;

  /** The keys, the one that signs last of all first. */
  keys(): KeyRow[];
  putKey(key: KeyRow): void;
  deleteKey(id: string): void;

  /** The latest time that any row tells of, or 0. */
  latestMs(): number;
}

/** Keeps the rows. */
export interface Store {
  /**
   * Runs a change, after those that were asked for before. Resolves when it will not be lost any more; rejects with
   * what the change throws, and then nothing of it was written.
   */
  transact<T>(change: (tx: Transaction) => T): Promise<T>;
  /** Lets go of everything. May be called twice. */
  close(): void;
}
