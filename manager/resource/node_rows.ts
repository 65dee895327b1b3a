/**
 * The nodes and what is taken of them, in memory. A grant looks at every node and a heartbeat at every
 * lease of one: read from SQLite, that took milliseconds with 1,000 nodes.
 */
import { CandidateRows } from "./candidate_rows.ts";
import type { AllocationRow, NodeLoad, NodeRow, Taken } from "./store.ts";
import type { UndoLog } from "./undo_log.ts";

const nothing: Taken = { workers: 0, memoryBytes: 0 };

/** A {@linkcode NodeLoad} that is kept up to date in place. */
interface Load {
  node: NodeRow;
  taken: Taken;
}

/** Rows of nodes and of their allocations that have not ended. */
export class NodeRows {
  readonly #undo: UndoLog;
  readonly #nodes = new Map<string, Load>();
  readonly #ids = new Map<string, string>();
  /** By node, then by lease; also of nodes that were removed. */
  readonly #live = new Map<string, Map<string, AllocationRow>>();
  readonly #candidates = new CandidateRows();
  /** By name, until a node comes or goes. */
  #order: readonly NodeLoad[] | undefined;

  /** @param undo is told how to take back each write. */
  constructor(undo: UndoLog) {
    this.#undo = undo;
  }

  /** All, by name. Good until the next write. */
  loads(): readonly NodeLoad[] {
    return this.#order ??= [...this.#nodes.values()]
      .sort((a, b) => a.node.name < b.node.name ? -1 : 1);
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

  /** Notes an allocation, which counts as taken until it has ended. */
  putAllocation(row: AllocationRow): void {
    const { node, lease } = row;
    const before = this.#live.get(node)?.get(lease);
    const after = row.state === "ended" ? undefined : row;
    if (before === after) return;
    this.#undo.note(() => this.#placeLive(node, lease, before));
    this.#placeLive(node, lease, after);
  }

  /** Candidates whose `claimByMs` is before `nowMs`. */
  lapsed(nowMs: number): AllocationRow[] {
    return this.#candidates.before(nowMs);
  }

  live(node: string): AllocationRow[] {
    return [...this.#live.get(node)?.values() ?? []];
  }

  taken(node: string): Taken {
    return this.#nodes.get(node)?.taken ?? sum(this.live(node));
  }

  #set(id: string, row: NodeRow | undefined): void {
    const before = this.get(id);
    this.#undo.note(() => this.#place(id, before));
    this.#place(id, row);
  }

  #place(id: string, row: NodeRow | undefined): void {
    const known = this.#nodes.get(id);
    if (known !== undefined && known.node.name === row?.name) {
      known.node = row;
      return;
    }
    this.#order = undefined;
    if (known !== undefined) this.#ids.delete(known.node.name);
    this.#nodes.delete(id);
    if (row === undefined) return;
    this.#nodes.set(id, { node: row, taken: sum(this.live(id)) });
    this.#ids.set(row.name, id);
  }

  #placeLive(node: string, lease: string, row: AllocationRow | undefined): void {
    let rows = this.#live.get(node);
    if (rows === undefined) this.#live.set(node, rows = new Map());
    const known = this.#nodes.get(node);
    if (known !== undefined) {
      const { workers, memoryBytes } = known.taken;
      const before = rows.get(lease) ?? nothing;
      const after = row ?? nothing;
      known.taken = {
        workers: workers - before.workers + after.workers,
        memoryBytes: memoryBytes - before.memoryBytes + after.memoryBytes,
      };
    }
    this.#candidates.replace(rows.get(lease), row);
    if (row === undefined) rows.delete(lease);
    else rows.set(lease, row);
    if (rows.size === 0) this.#live.delete(node);
  }
}

function sum(rows: readonly AllocationRow[]): Taken {
  return rows.reduce((all, row) => ({
    workers: all.workers + row.workers,
    memoryBytes: all.memoryBytes + row.memoryBytes,
  }), nothing);
}
