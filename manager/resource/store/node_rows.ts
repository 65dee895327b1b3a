/**
 * The nodes and their allocations, in memory. A grant reads every node, and a heartbeat every lease of one node. From
 * SQLite, that took milliseconds with 1,000 nodes.
 */
import {
  type AllocationRow,
  type NodeLoad,
  type NodeRow,
  type Resources,
  takenBy,
} from "./store.ts";
import { FreeOrder } from "./free_order.ts";
import { TimeIndex } from "./time_index.ts";
import type { UndoLog } from "./undo_log.ts";

/** Candidates may be claimed for seconds, which makes some tens of groups. */
const CANDIDATE_SPAN_MS = 100;

const NOTHING: Resources = { workers: 0, memoryBytes: 0 };

/** A {@linkcode NodeLoad} that is updated in place. */
interface Load {
  node: NodeRow;
  allocated: Resources;
}

/** The nodes with their allocations that have not ended. */
export class NodeRows {
  readonly #undo: UndoLog;
  readonly #nodes = new Map<string, Load>();
  readonly #ids = new Map<string, string>();
  /** By node, then by lease. Includes removed nodes. */
  readonly #live = new Map<string, Map<string, AllocationRow>>();
  readonly #candidates = new TimeIndex<AllocationRow>(
    (row) => row.state === "candidate" ? row.claimByMs : undefined,
    ({ lease, node }) => `${lease} ${node}`,
    CANDIDATE_SPAN_MS,
  );
  /** Sorted by name. Discarded when a node is added, renamed or removed. */
  #order: readonly NodeLoad[] | undefined;

  readonly #byFreeCores = new FreeOrder(() => this.#nodes.values());

  /** @param undo receives the undo step of each write. */
  constructor(undo: UndoLog) {
    this.#undo = undo;
  }

  /** All nodes, by name. Valid until the next write. */
  loads(): readonly NodeLoad[] {
    return this.#order ??= [...this.#nodes.values()]
      .sort((a, b) => a.node.name < b.node.name ? -1 : 1);
  }

  /** All nodes, those with the most free cores first, then by name. Valid until the next write. */
  byFreeCores(): readonly NodeLoad[] {
    return this.#byFreeCores.list();
  }

  get(id: string): NodeRow | undefined {
    return this.#nodes.get(id)?.node;
  }

  named(name: string): NodeRow | undefined {
    const id = this.#ids.get(name);
    return id === undefined ? undefined : this.get(id);
  }

  put(row: NodeRow): void {
    this.#set(row.id, row);
  }

  delete(id: string): void {
    this.#set(id, undefined);
  }

  /** Stores an allocation, which counts until it has ended. */
  putAllocation(row: AllocationRow): void {
    const { node, lease } = row;
    const before = this.#live.get(node)?.get(lease);
    const after = row.state === "ended" ? undefined : row;
    if (before === after) return;
    this.#undo.note(() => this.#placeLive(node, lease, before));
    this.#placeLive(node, lease, after);
  }

  /** The candidates whose `claimByMs` is before `nowMs`. */
  lapsed(nowMs: number): AllocationRow[] {
    return this.#candidates.before(nowMs);
  }

  /** The allocations of a node that have not ended. */
  live(node: string): AllocationRow[] {
    return [...this.#live.get(node)?.values() ?? []];
  }

  /** The sum of what the allocations of a node take. */
  allocated(node: string): Resources {
    return this.#nodes.get(node)?.allocated ?? sum(this.live(node));
  }

  #set(id: string, row: NodeRow | undefined): void {
    const before = this.get(id);
    this.#undo.note(() => this.#place(id, before));
    this.#place(id, row);
  }

  #place(id: string, row: NodeRow | undefined): void {
    const known = this.#nodes.get(id);
    if (known !== undefined && known.node.name === row?.name) {
      this.#byFreeCores.change(known, () => known.node = row);
      return;
    }
    this.#order = undefined;
    this.#byFreeCores.reset();
    if (known !== undefined) this.#ids.delete(known.node.name);
    this.#nodes.delete(id);
    if (row === undefined) return;
    this.#nodes.set(id, { node: row, allocated: sum(this.live(id)) });
    this.#ids.set(row.name, id);
  }

  #placeLive(node: string, lease: string, row: AllocationRow | undefined): void {
    let rows = this.#live.get(node);
    if (rows === undefined) this.#live.set(node, rows = new Map());
    const load = this.#nodes.get(node);
    if (load !== undefined) {
      const { workers, memoryBytes } = load.allocated;
      const known = rows.get(lease);
      const before = known === undefined ? NOTHING : takenBy(known);
      const after = row === undefined ? NOTHING : takenBy(row);
      const allocated = {
        workers: workers - before.workers + after.workers,
        memoryBytes: memoryBytes - before.memoryBytes + after.memoryBytes,
      };
      this.#byFreeCores.change(load, () => load.allocated = allocated);
    }
    this.#candidates.replace(rows.get(lease), row);
    if (row === undefined) rows.delete(lease);
    else rows.set(lease, row);
    if (rows.size === 0) this.#live.delete(node);
  }
}

function sum(rows: readonly AllocationRow[]): Resources {
  return rows.map(takenBy).reduce((all, taken) => ({
    workers: all.workers + taken.workers,
    memoryBytes: all.memoryBytes + taken.memoryBytes,
  }), NOTHING);
}
