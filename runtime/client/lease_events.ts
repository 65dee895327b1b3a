/** What happens to a lease while it is open. */

/** An event of {@linkcode Lease.status}. */
export type LeaseEvent =
  | { readonly type: "renewed"; readonly expires: Date }
  /** An executor has ended, or a whole node is gone; another one is awaited. */
  | { readonly type: "lost"; readonly node: string; readonly reason: string }
  | { readonly type: "recovered"; readonly node: string }
  /** A node is taken back, and ends what the lease has of it after `noticeMs` unless that moves to other nodes before. */
  | { readonly type: "draining"; readonly node: string; readonly noticeMs: number }
  /** This node serves from now on, in place of one that drained or was lost. */
  | { readonly type: "moved"; readonly node: string }
  /** What the lease had of a node is gone for good, since no other has room; it goes on with so many workers. */
  | {
    readonly type: "shrunk";
    readonly node: string;
    readonly workers: number;
    readonly reason: string;
  }
  | { readonly type: "closed"; readonly reason: string };

/** Events kept for a reader that is slow; older ones are dropped. */
const MAX_KEPT = 256;

interface Reader {
  readonly queue: LeaseEvent[];
  wake: () => void;
}

export class LeaseEvents {
  readonly #readers = new Set<Reader>();
  #closed = false;

  emit(event: LeaseEvent): void {
    if (event.type === "closed") this.#closed = true;
    for (const reader of this.#readers) {
      reader.queue.push(event);
      if (reader.queue.length > MAX_KEPT) reader.queue.shift();
      reader.wake();
    }
  }

  /** Events from this call on, whenever they are read; ends after `closed`. */
  read(): AsyncGenerator<LeaseEvent, void, void> {
    const reader: Reader = { queue: [], wake: () => {} };
    if (!this.#closed) this.#readers.add(reader);
    return this.#iterate(reader);
  }

  async *#iterate(reader: Reader): AsyncGenerator<LeaseEvent, void, void> {
    try {
      for (;;) {
        for (let event = reader.queue.shift(); event; event = reader.queue.shift()) {
          yield event;
          if (event.type === "closed") return;
        }
        if (!this.#readers.has(reader)) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        reader.wake = resolve;
        await promise;
      }
    } finally {
      this.#readers.delete(reader);
    }
  }
}
