/** What happens to a lease while it is open. */

/** An event of {@linkcode Lease.status}. */
export type LeaseEvent =
  | { readonly type: "renewed"; readonly expires: Date }
  | { readonly type: "lost"; readonly reason: string }
  | { readonly type: "recovered" }
  | { readonly type: "draining"; readonly reason: string }
  | { readonly type: "closed"; readonly reason: string };

/** Events kept for a reader that is slow; older ones are dropped. */
const MAX_KEPT = 256;

export class LeaseEvents {
  readonly #readers = new Set<{ queue: LeaseEvent[]; wake: () => void }>();
  #closed = false;

  emit(event: LeaseEvent): void {
    if (event.type === "closed") this.#closed = true;
    for (const reader of this.#readers) {
      reader.queue.push(event);
      if (reader.queue.length > MAX_KEPT) reader.queue.shift();
      reader.wake();
    }
  }

  /** Events from now on; ends after `closed`. */
  async *read(): AsyncGenerator<LeaseEvent, void, void> {
    if (this.#closed) return;
    let { promise, resolve } = Promise.withResolvers<void>();
    const reader = { queue: [] as LeaseEvent[], wake: () => resolve() };
    this.#readers.add(reader);
    try {
      for (;;) {
        for (let event = reader.queue.shift(); event; event = reader.queue.shift()) {
          yield event;
          if (event.type === "closed") return;
        }
        await promise;
        ({ promise, resolve } = Promise.withResolvers<void>());
      }
    } finally {
      this.#readers.delete(reader);
    }
  }
}
