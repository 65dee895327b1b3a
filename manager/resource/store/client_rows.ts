/**
 * The running leases and what each client uses, in memory: each grant checks a quota, and a sum over ten thousand leases
 * in SQLite took milliseconds.
 */
import type { ClientUsage, LeaseRow } from "./store.ts";
import { TimeIndex } from "./time_index.ts";
import type { UndoLog } from "./undo_log.ts";

const NOTHING: ClientUsage = { leases: 0, workers: 0, memoryBytes: 0 };

/** Terms make some thousand groups at most. */
const EXPIRY_SPAN_MS = 1000;

/** The running leases, with the sums over those of each client. Leases with one root count as one. */
export class ClientRows {
  readonly #undo: UndoLog;
  readonly #running = new Map<string, LeaseRow>();
  readonly #expiring = new TimeIndex<LeaseRow>(
    (row) => row.expiresMs,
    ({ id }) => id,
    EXPIRY_SPAN_MS,
  );
  /** By root, then by id. */
  readonly #byRoot = new Map<string, Map<string, LeaseRow>>();
  readonly #usage = new Map<string, ClientUsage>();

  /** @param undo receives the undo step of each write. */
  constructor(undo: UndoLog) {
    this.#undo = undo;
  }

  /** Stores a lease, which counts until it has ended. */
  put(row: LeaseRow): void {
    const before = this.#running.get(row.id);
    const after = row.endedMs === null ? row : undefined;
    this.#undo.note(() => this.#place(row.id, before));
    this.#place(row.id, after);
  }

  /** What a client uses. */
  usage(client: string): ClientUsage {
    return this.#usage.get(client) ?? NOTHING;
  }

  /** The lease with this id, while it runs. */
  running(id: string): LeaseRow | undefined {
    return this.#running.get(id);
  }

  /** The client of a running lease. */
  clientOf(lease: string): string | undefined {
    return this.#running.get(lease)?.client;
  }

  /** The running leases that expire by `nowMs`. */
  expired(nowMs: number): LeaseRow[] {
    return this.#expiring.before(nowMs + 1);
  }

  /** The running leases with this root. */
  withRoot(root: string): readonly LeaseRow[] {
    return [...this.#byRoot.get(root)?.values() ?? []];
  }

  #place(id: string, row: LeaseRow | undefined): void {
    const before = this.#running.get(id);
    this.#expiring.replace(before, row);
    if (row === undefined) this.#running.delete(id);
    else this.#running.set(id, row);
    const known = row ?? before;
    if (known === undefined) return;
    const siblings = this.#byRoot.get(known.root) ?? new Map<string, LeaseRow>();
    const sizeBefore = siblings.size;
    if (row === undefined) siblings.delete(id);
    else siblings.set(id, row);
    if (sizeBefore === 0 && siblings.size === 1) {
      this.#byRoot.set(known.root, siblings);
      this.#add(known, 1);
    } else if (sizeBefore === 1 && siblings.size === 0) {
      this.#byRoot.delete(known.root);
      this.#add(known, -1);
    }
  }

  #add({ client, rootWorkers, rootMemoryBytes }: LeaseRow, sign: 1 | -1): void {
    const used = this.usage(client);
    const leases = used.leases + sign;
    if (leases === 0) return void this.#usage.delete(client);
    this.#usage.set(client, {
      leases,
      workers: used.workers + sign * rootWorkers,
      memoryBytes: used.memoryBytes + sign * rootMemoryBytes,
    });
  }
}
