/**
 * What each client has, in memory: a quota is looked at with each grant, and to add up ten thousand leases in SQLite
 * took milliseconds.
 */
import type { LeaseRow, TakenBy } from "./store.ts";
import type { UndoLog } from "./undo_log.ts";

const nothing: TakenBy = { leases: 0, workers: 0, memoryBytes: 0 };

/** The sums over the leases that run; those of one root count as one. */
export class ClientRows {
  readonly #undo: UndoLog;
  readonly #running = new Map<string, LeaseRow>();
  /** By root, then by id. */
  readonly #families = new Map<string, Map<string, LeaseRow>>();
  readonly #taken = new Map<string, TakenBy>();

  /** @param undo is told how to take back each write. */
  constructor(undo: UndoLog) {
    this.#undo = undo;
  }

  /** Notes a lease, which counts until it has ended. */
  put(row: LeaseRow): void {
    const before = this.#running.get(row.id);
    const after = row.endedMs === null ? row : undefined;
    this.#undo.note(() => this.#place(row.id, before));
    this.#place(row.id, after);
  }

  taken(client: string): TakenBy {
    return this.#taken.get(client) ?? nothing;
  }

  family(root: string): readonly LeaseRow[] {
    return [...this.#families.get(root)?.values() ?? []];
  }

  #place(id: string, row: LeaseRow | undefined): void {
    const before = this.#running.get(id);
    if (row === undefined) this.#running.delete(id);
    else this.#running.set(id, row);
    const known = row ?? before;
    if (known === undefined) return;
    const family = this.#families.get(known.root) ?? new Map<string, LeaseRow>();
    const was = family.size;
    if (row === undefined) family.delete(id);
    else family.set(id, row);
    if (was === 0 && family.size === 1) {
      this.#families.set(known.root, family);
      this.#add(known, 1);
    } else if (was === 1 && family.size === 0) {
      this.#families.delete(known.root);
      this.#add(known, -1);
    }
  }

  #add({ client, rootWorkers, rootMemoryBytes }: LeaseRow, sign: 1 | -1): void {
    const has = this.taken(client);
    const leases = has.leases + sign;
    if (leases === 0) return void this.#taken.delete(client);
    this.#taken.set(client, {
      leases,
      workers: has.workers + sign * rootWorkers,
      memoryBytes: has.memoryBytes + sign * rootMemoryBytes,
    });
  }
}
