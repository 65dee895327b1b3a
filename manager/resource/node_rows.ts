/**
 * The nodes and what is taken of them, in memory. A grant looks at every node and a heartbeat at every
 * lease of one: read from SQLite, that took milliseconds with 1,000 nodes.
 */
import type { AllocationRow, NodeRow, Taken } from "./store.ts";
import type { UndoLog } from "./undo_log.ts";

/** What a node that nothing is taken of has. */
const nothing: Taken = { workers: 0, memoryBytes: 0 };

/** Rows of nodes and of their allocations that have not ended. */
export class NodeRows {
  readonly #undo: UndoLog;
  readonly #nodes = new Map<string, NodeRow>();
  readonly #ids = new Map<string, string>();
  readonly #live = new Map<string, Map<string, AllocationRow>>();
  readonly #taken = new Map<string, Taken>();
  /** Ids by name, until one comes or goes. */
  #order: readonly string[] | undefined;

  /** @param undo is told how to take back each write. */
  constructor(undo: UndoLog) {
    this.#undo = undo;
  }

  /** All, by name. */
  list(): readonly NodeRow[] {
    this.#order ??= [...this.#ids].sort(([a], [b]) => a < b ? -1 : 1).map(([, id]) => id);
    return this.#order.map((id) => this.#nodes.get(id)!);
  }

  get(id: string): NodeRow | undefined {
    return this.#nodes.get(id);
  }

  named(name: string): NodeRow | undefined {
    const id = this.#ids.get(name);
    return id === undefined ? undefined : this.#nodes.get(id);
  }

  put(row: NodeRow): void {
    this.#set(row.id, row);
  }

  delete(id: string): void {
    this.#set(id, undefined);
  }

  /** Notes an allocation, which counts as taken until it has ended. */
  putAllocation(row: AllocationRow): void {
    this.#setLive(row.node, row.lease, row.state === "ended" ? undefined : row);
  }

  live(node: string): AllocationRow[] {
    return [...this.#live.get(node)?.values() ?? []];
  }

  taken(node: string): Taken {
    return this.#taken.get(node) ?? nothing;
  }

  #set(id: string, row: NodeRow | undefined): void {
    const before = this.#nodes.get(id);
    this.#undo.note(() => this.#place(id, before));
    this.#place(id, row);
  }

  #place(id: string, row: NodeRow | undefined): void {
    const before = this.#nodes.get(id);
    if (before?.name !== row?.name) this.#order = undefined;
    if (before !== undefined && this.#ids.get(before.name) === id) this.#ids.delete(before.name);
    if (row === undefined) return void this.#nodes.delete(id);
    this.#nodes.set(id, row);
    this.#ids.set(row.name, id);
  }

  #setLive(node: string, lease: string, row: AllocationRow | undefined): void {
    const before = this.#live.get(node)?.get(lease);
    if (before === row) return;
    this.#undo.note(() => this.#placeLive(node, lease, before));
    this.#placeLive(node, lease, row);
  }

  #placeLive(node: string, lease: string, row: AllocationRow | undefined): void {
    const rows = this.#live.get(node) ?? new Map<string, AllocationRow>();
    const { workers, memoryBytes } = this.taken(node);
    const before = rows.get(lease) ?? nothing;
    const after = row ?? nothing;
    if (row === undefined) rows.delete(lease);
    else rows.set(lease, row);
    if (rows.size === 0) {
      this.#live.delete(node);
      this.#taken.delete(node);
      return;
    }
    this.#live.set(node, rows);
    this.#taken.set(node, {
      workers: workers - before.workers + after.workers,
      memoryBytes: memoryBytes - before.memoryBytes + after.memoryBytes,
    });
  }
}
