/** The events of a lease while it is open. */

import type { EndReason } from "../protocol/end_reason.ts";

/**
 * An event of {@linkcode Lease.status}.
 *
 * - `renewed`: the term was extended to `expires`.
 * - `lost`: the executor of `worker` has ended, and the lease awaits another one. Without a `worker` the whole part of the
 *   node is lost, and the lease looks for another node.
 * - `recovered`: another executor of that worker serves.
 * - `draining`: the node drains. It ends its part of the lease after `graceMs` milliseconds, unless that moves before.
 * - `moved`: this node serves from now on, in place of one that drains or is lost.
 * - `shrunk`: the node's part has ended, and no other node has the capacity. The lease goes on with `workers` workers.
 * - `closed`: the lease has ended. It is the last event.
 */
export type LeaseEvent =
  | { readonly type: "renewed"; readonly expires: Date }
  | {
    readonly type: "lost";
    readonly node: string;
    readonly worker?: number;
    readonly reason: EndReason;
  }
  | { readonly type: "recovered"; readonly node: string; readonly worker: number }
  | { readonly type: "draining"; readonly node: string; readonly graceMs: number }
  | { readonly type: "moved"; readonly node: string }
  | {
    readonly type: "shrunk";
    readonly node: string;
    readonly workers: number;
    readonly reason: EndReason;
  }
  | { readonly type: "closed"; readonly reason: EndReason };

/** The most events that a slow reader may be behind; older ones are dropped. */
const MAX_QUEUED = 256;

export class LeaseEvents {
  readonly #readers = new Set<EventReader>();
  #closed = false;

  emit(event: LeaseEvent): void {
    if (event.type === "closed") this.#closed = true;
    for (const reader of this.#readers) reader.push(event);
  }

  /** Iterates over the events from this call on, whenever they are read. Ends after `closed`. */
  read(): AsyncIterableIterator<LeaseEvent, void, void> {
    const reader = new EventReader((ended) => this.#readers.delete(ended));
    if (this.#closed) reader.end();
    else this.#readers.add(reader);
    return reader;
  }
}

/** Not a generator, whose `return()` would wait for the next event. */
class EventReader implements AsyncIterableIterator<LeaseEvent, void, void> {
  readonly #queue: LeaseEvent[] = [];
  readonly #waiting: ((result: IteratorResult<LeaseEvent, void>) => void)[] = [];
  readonly #onEnd: (reader: EventReader) => void;
  #ended = false;

  constructor(onEnd: (reader: EventReader) => void) {
    this.#onEnd = onEnd;
  }

  push(event: LeaseEvent): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting({ done: false, value: event });
    else if (this.#queue.push(event) > MAX_QUEUED) this.#queue.shift();
    if (event.type === "closed") this.end();
  }

  /** Ends it after the events that have not been read. */
  end(): void {
    this.#ended = true;
    this.#onEnd(this);
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<LeaseEvent, void>> {
    const value = this.#queue.shift();
    if (value) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<LeaseEvent, void>> {
    this.#queue.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
