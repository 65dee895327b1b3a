/** A node that is taken back: its clients are told, and have so long to move; what is left then is ended. */

import type { NodeLease } from "./node_lease.ts";

const REASON = "draining: its node was taken back";

export class Draining {
  readonly #leases: ReadonlyMap<string, NodeLease>;
  readonly #untilMs: number;
  readonly #stopped = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Tells the clients of these leases; they may become fewer, not more. */
  constructor(leases: ReadonlyMap<string, NodeLease>, noticeMs: number) {
    this.#leases = leases;
    this.#untilMs = performance.now() + noticeMs;
    for (const lease of leases.values()) lease.drain(noticeMs);
    this.#timer = setTimeout(() => this.endNow(), noticeMs);
  }

  /** How long the clients still have, in milliseconds. */
  get leftMs(): number {
    return Math.max(0, this.#untilMs - performance.now());
  }

  /** Settles when no lease is left, or the node is lent again. */
  async finished(): Promise<void> {
    const ended = Promise.all([...this.#leases.values()].map((lease) => lease.ended));
    await Promise.race([ended, this.#stopped.promise]);
    clearTimeout(this.#timer);
  }

  /** Ends what is left. */
  endNow(): void {
    for (const lease of this.#leases.values()) lease.end(REASON);
  }

  /** The node is lent again: what is left stays, though its clients may be on their way. */
  stop(): void {
    clearTimeout(this.#timer);
    for (const lease of this.#leases.values()) lease.undrain();
    this.#stopped.resolve();
  }
}
