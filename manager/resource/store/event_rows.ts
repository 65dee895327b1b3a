/**
 * The last events in memory. Those about leases have a ring of their own, so that a client that takes many leases does
 * not drop what happened to nodes and tokens.
 */
import type { ClusterEvent } from "../../../runtime/http/event_api.ts";
import { EVENTS_PER_BLOCK, KEPT_CLUSTER_EVENTS, KEPT_LEASE_EVENTS } from "../policy.ts";
import type { UndoLog } from "./undo_log.ts";

/** An event. Its `seq` is one more than that of the event before it, of either ring. */
export type EventRow = ClusterEvent;

/** The rings. */
export type RingName = "lease" | "cluster";

/** Selects events. */
export interface EventQuery {
  /** Events with greater numbers. */
  readonly after?: number | undefined;
  /** The events of one client's leases; missing: all. */
  readonly client?: string | undefined;
  readonly lease?: string | undefined;
  /** The id or the name of a node. */
  readonly node?: string | undefined;
  readonly sinceMs?: number | undefined;
  readonly limit: number;
  /** Whether to take the last ones in place of the first ones. */
  readonly newest?: boolean;
}

/** The selected events. */
export interface EventSlice {
  readonly rows: readonly EventRow[];
  /** Whether more were selected than the limit. */
  readonly more: boolean;
  /** How many of those behind `after` are not kept any more, selected or not. */
  readonly missed: number;
}

/** What a persistent store must write for an event. */
export interface EventWrite {
  readonly ring: RingName;
  /** The block of the event: {@linkcode EVENTS_PER_BLOCK} numbers that follow each other. */
  readonly block: number;
  /** A block of the ring none of whose events is kept any more. */
  readonly dropped: number | undefined;
}

export class EventRows {
  readonly #undo: UndoLog;
  readonly #rings = {
    lease: new Ring(KEPT_LEASE_EVENTS),
    cluster: new Ring(KEPT_CLUSTER_EVENTS),
  } satisfies Record<RingName, Ring>;
  #last: EventRow | undefined;

  constructor(undo: UndoLog) {
    this.#undo = undo;
  }

  /** The number of the last event, or 0. */
  get last(): number {
    return this.#last?.seq ?? 0;
  }

  /** The time of the last event, or 0. */
  get latestMs(): number {
    return this.#last?.atMs ?? 0;
  }

  put(row: EventRow): EventWrite {
    const name = ringOf(row);
    const ring = this.#rings[name];
    const before = this.#last;
    const dropped = ring.push(row);
    this.#last = row;
    this.#undo.note(() => {
      ring.pop(dropped);
      this.#last = before;
    });
    const block = blockOf(row);
    const end = dropped === undefined ? undefined : blockOf(dropped);
    return { ring: name, block, dropped: end === blockOf(ring.oldest) ? undefined : end };
  }

  /** The events of a block that are kept. */
  inBlock(ring: RingName, block: number): EventRow[] {
    const first = block * EVENTS_PER_BLOCK;
    return this.#rings[ring].between(first - 1, first + EVENTS_PER_BLOCK - 1);
  }

  slice(
    { after = 0, client, lease, node, sinceMs, limit, newest = false }: EventQuery,
  ): EventSlice {
    const kept = this.#after(after);
    const found = kept.filter((row) =>
      (client === undefined || row.client === client) &&
      (lease === undefined || row.lease === lease || row.root === lease) &&
      (node === undefined || row.node === node || row.nodeName === node) &&
      (sinceMs === undefined || row.atMs >= sinceMs)
    );
    return {
      rows: newest ? found.slice(-limit) : found.slice(0, limit),
      more: !newest && found.length > limit,
      missed: after === 0 ? 0 : Math.max(0, this.last - after) - kept.length,
    };
  }

  /** The last end of an executor, searched from the newest event of leases to the grant of the lease. */
  lastExecutorEnd(lease: string, node: string, worker: number): EventRow | undefined {
    for (const row of this.#rings.lease.newestFirst()) {
      if (row.lease !== lease) continue;
      if (row.event === "lease-granted") return undefined;
      if (row.event === "executor-ended" && row.node === node && row.worker === worker) return row;
    }
    return undefined;
  }

  /** All events that are kept, oldest first. */
  all(): EventRow[] {
    return this.#after(0);
  }

  #after(seq: number): EventRow[] {
    const { lease, cluster } = this.#rings;
    return merge(lease.between(seq, Infinity), cluster.between(seq, Infinity));
  }
}

function ringOf({ lease, event }: EventRow): RingName {
  return lease === undefined && event !== "lease-refused" ? "cluster" : "lease";
}

function blockOf({ seq }: EventRow): number {
  return Math.floor(seq / EVENTS_PER_BLOCK);
}

/** The last rows, up to a number. */
class Ring {
  readonly #kept: number;
  readonly #rows: EventRow[] = [];
  /** How many were ever added. */
  #count = 0;

  constructor(kept: number) {
    this.#kept = kept;
  }

  /** The oldest of at least one row. */
  get oldest(): EventRow {
    return this.#at(0);
  }

  /** @returns the row in whose place the new one is. */
  push(row: EventRow): EventRow | undefined {
    const at = this.#count++ % this.#kept;
    const dropped = this.#rows[at];
    this.#rows[at] = row;
    return dropped;
  }

  /** Undoes {@linkcode Ring.push}. */
  pop(dropped: EventRow | undefined): void {
    const at = --this.#count % this.#kept;
    if (dropped === undefined) this.#rows.pop();
    else this.#rows[at] = dropped;
  }

  *newestFirst(): Generator<EventRow> {
    for (let at = this.#rows.length - 1; at >= 0; at--) yield this.#at(at);
  }

  /** The rows with numbers above the first and up to the second one, in their order. */
  between(after: number, last: number): EventRow[] {
    const first = this.#behind(after);
    return Array.from({ length: this.#behind(last) - first }, (_, at) => this.#at(first + at));
  }

  /** The position of the first row with a greater number. */
  #behind(seq: number): number {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#at(middle).seq > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** @param at the position from the oldest row, which is 0. */
  #at(at: number): EventRow {
    const first = this.#rows.length < this.#kept ? 0 : this.#count;
    return this.#rows[(first + at) % this.#kept]!;
  }
}

function merge(one: readonly EventRow[], other: readonly EventRow[]): EventRow[] {
  const merged: EventRow[] = [];
  let at = 0;
  for (const row of one) {
    while (at < other.length && other[at]!.seq < row.seq) merged.push(other[at++]!);
    merged.push(row);
  }
  while (at < other.length) merged.push(other[at++]!);
  return merged;
}
