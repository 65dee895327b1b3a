/** The store in memory, for tests: it has no file and forgets all at the end. */
import { NodeRows } from "./node_rows.ts";
import {
  type AllocationRow,
  type BillPage,
  type BillPlace,
  type BillRow,
  type KeyRow,
  type LeaseRow,
  placeOf,
  type Store,
  type StoredToken,
  type TakenBy,
  type TokenRow,
  type Transaction,
} from "./store.ts";
import { UndoLog } from "./undo_log.ts";

/** A {@linkcode Store} that lives as long as the object. */
export class MemoryStore implements Store {
  readonly #undo = new UndoLog();
  readonly #tx: Transaction = new MemoryTransaction(this.#undo);
  #closed = false;

  // deno-lint-ignore require-await -- async for the interface: what a change throws must reject, not throw
  async transact<T>(change: (tx: Transaction) => T): Promise<T> {
    if (this.#closed) throw new Error("Cannot change rows: the store is closed");
    try {
      return change(this.#tx);
    } catch (error) {
      this.#undo.rollBack(0);
      throw error;
    } finally {
      this.#undo.forget();
    }
  }

  close(): void {
    this.#closed = true;
  }
}

/** Looks through all rows where SQLite has an index: tests have few. */
class MemoryTransaction implements Transaction {
  readonly #undo: UndoLog;
  readonly #nodes: NodeRows;
  readonly #leases = new Map<string, LeaseRow>();
  /** By lease, then by node. */
  readonly #allocations = new Map<string, AllocationRow>();
  /** By lease, then by node, then by epoch. */
  readonly #bills = new Map<string, BillRow>();
  readonly #tokens = new Map<string, StoredToken>();
  readonly #keys = new Map<string, KeyRow>();

  readonly nodeLoads: Transaction["nodeLoads"];
  readonly nodes: Transaction["nodes"];
  readonly node: Transaction["node"];
  readonly nodeNamed: Transaction["nodeNamed"];
  readonly putNode: Transaction["putNode"];
  readonly deleteNode: Transaction["deleteNode"];
  readonly liveAllocationsOn: Transaction["liveAllocationsOn"];
  readonly takenOn: Transaction["takenOn"];

  constructor(undo: UndoLog) {
    this.#undo = undo;
    const nodes = this.#nodes = new NodeRows(undo);
    this.nodeLoads = () => nodes.loads();
    this.nodes = () => nodes.loads().map(({ node }) => node);
    this.node = (id) => nodes.get(id);
    this.nodeNamed = (name) => nodes.named(name);
    this.putNode = (row) => nodes.put(row);
    this.deleteNode = (id) => nodes.delete(id);
    this.liveAllocationsOn = (node) => nodes.live(node);
    this.takenOn = (node) => nodes.taken(node);
  }

  sawNode(id: string, nowMs: number): void {
    const known = this.#nodes.get(id);
    if (known !== undefined) this.#nodes.put({ ...known, lastSeenMs: nowMs });
  }

  lease(id: string): LeaseRow | undefined {
    return this.#leases.get(id);
  }

  runningLeases(): LeaseRow[] {
    return [...this.#leases.values()].filter((lease) => lease.endedMs === null)
      .sort((a, b) => a.issuedMs - b.issuedMs || (a.id < b.id ? -1 : 1));
  }

  expiredLeases(nowMs: number): LeaseRow[] {
    return this.runningLeases().filter((lease) => lease.expiresMs <= nowMs);
  }

  family(root: string): LeaseRow[] {
    return this.runningLeases().filter((lease) => lease.root === root);
  }

  takenBy(client: string): TakenBy {
    const held = this.runningLeases().filter((lease) => lease.client === client);
    const roots = [...new Map(held.map((lease) => [lease.root, lease])).values()];
    const sum = (of: (lease: LeaseRow) => number) => roots.reduce((all, each) => all + of(each), 0);
    return {
      leases: roots.length,
      workers: sum((lease) => lease.rootWorkers),
      memoryBytes: sum((lease) => lease.rootMemoryBytes),
    };
  }

  putLease(lease: LeaseRow): void {
    this.#set(this.#leases, lease.id, lease);
  }

  forgetLeases(beforeMs: number): void {
    for (const { id, endedMs } of this.#leases.values()) {
      if (endedMs === null || endedMs >= beforeMs) continue;
      for (const { lease, node } of this.allocationsOf(id)) {
        this.#set(this.#allocations, `${lease} ${node}`, undefined);
      }
      this.#set(this.#leases, id, undefined);
    }
  }

  allocation(lease: string, node: string): AllocationRow | undefined {
    return this.#allocations.get(`${lease} ${node}`);
  }

  allocationsOf(lease: string): AllocationRow[] {
    return [...this.#allocations.values()].filter((row) => row.lease === lease)
      .sort((a, b) => a.node < b.node ? -1 : 1);
  }

  lapsedCandidates(nowMs: number): AllocationRow[] {
    return this.#nodes.lapsed(nowMs);
  }

  putAllocation(allocation: AllocationRow): void {
    this.#set(this.#allocations, `${allocation.lease} ${allocation.node}`, allocation);
    this.#nodes.putAllocation(allocation);
  }

  bill(lease: string, node: string, epoch: number): BillRow | undefined {
    return this.#bills.get(`${lease} ${node} ${epoch}`);
  }

  bills({ client, sinceMs, after, limit }: BillPage): BillRow[] {
    const isBefore = (a: BillPlace, b: BillPlace) =>
      a.ms < b.ms || (a.ms === b.ms && nameOf(a) < nameOf(b));
    return [...this.#bills.values()]
      .filter((row) => client === undefined || row.client === client)
      .map((row) => ({ row, place: placeOf(row, sinceMs !== undefined) }))
      .filter(({ place }) => place.ms >= (sinceMs ?? 0))
      .filter(({ place }) => after === undefined || isBefore(after, place))
      .sort((a, b) => isBefore(a.place, b.place) ? -1 : 1)
      .slice(0, limit)
      .map(({ row }) => row);
  }

  putBill(bill: BillRow): void {
    const { lease, node, epoch, untilMs, heldNs, computeNs, pollNs } = bill;
    const row = { ...bill, ...this.bill(lease, node, epoch), untilMs, heldNs, computeNs, pollNs };
    this.#set(this.#bills, `${lease} ${node} ${epoch}`, row);
  }

  token(hash: string): StoredToken | undefined {
    return this.#tokens.get(hash);
  }

  replaceToken(token: TokenRow, nowMs: number): void {
    const same = this.tokens().filter(({ role, name }) =>
      role === token.role && name === token.name
    );
    for (const { hash } of same) this.deleteToken(hash);
    this.#set(this.#tokens, token.hash, { quota: {}, ...token, createdMs: nowMs });
  }

  tokens(): StoredToken[] {
    const order = ({ name, role }: StoredToken) => `${name} ${role}`;
    return [...this.#tokens.values()].sort((a, b) => order(a) < order(b) ? -1 : 1);
  }

  deleteToken(hash: string): void {
    this.#set(this.#tokens, hash, undefined);
  }

  keys(): KeyRow[] {
    return [...this.#keys.values()]
      .sort((a, b) => b.signsFromMs - a.signsFromMs || (a.id < b.id ? -1 : 1));
  }

  putKey(key: KeyRow): void {
    this.#set(this.#keys, key.id, key);
  }

  deleteKey(id: string): void {
    this.#set(this.#keys, id, undefined);
  }

  latestMs(): number {
    const seen = this.#nodes.loads().map(({ node }) => node.lastSeenMs);
    const issued = [...this.#leases.values()].map((lease) => lease.issuedMs);
    return [...seen, ...issued].reduce((latest, ms) => Math.max(latest, ms), 0);
  }

  #set<V>(rows: Map<string, V>, key: string, row: V | undefined): void {
    const before = rows.get(key);
    this.#undo.note(() => before === undefined ? rows.delete(key) : rows.set(key, before));
    if (row === undefined) rows.delete(key);
    else rows.set(key, row);
  }
}

function nameOf({ lease, node, epoch }: BillPlace): string {
  return `${lease} ${node} ${`${epoch}`.padStart(10)}`;
}
