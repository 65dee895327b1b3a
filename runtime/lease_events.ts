/** What happens to a lease while it is open. */

/** An event of {@linkcode Lease.status}. */
export type LeaseEvent =
  | { readonly type: "renewed"; readonly expires: Date }
  | { readonly type: "lost"; readonly reason: string }
  | { readonly type: "recovered" }
  /** Its node is taken back, and ends it after `noticeMs` unless it moves to another one before. */
  | { readonly type: "draining"; readonly node: string; readonly noticeMs: number }
  /** Another node serves it from now on. */
  | { readonly type: "moved"; readonly node: string }
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
