/** Leases that have to leave a node: their clients are notified and may move; those left after the grace period end. */

import { endReason } from "../../../runtime/protocol/end_reason.ts";
import type { NodeLease } from "./node_lease.ts";

export class Draining {
  /** Those that have not ended. */
  readonly #leases: Map<string, NodeLease>;
  #untilMs: number;
  readonly #why: string;
  readonly #stopped = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Notifies the clients of these leases.
   *
   * @param why the message of their end.
   */
  constructor(leases: Iterable<NodeLease>, graceMs: number, why: string) {
    this.#leases = new Map([...leases].map((lease) => [lease.id, lease]));
    this.#why = why;
    this.#untilMs = performance.now() + graceMs;
    for (const lease of this.#leases.values()) {
      lease.drain(graceMs);
      lease.ended.then(() => this.#leases.delete(lease.id));
    }
    this.#timer = setTimeout(() => this.endNow(), graceMs);
  }

  /** How much of the grace period is left, in milliseconds. */
  get leftMs(): number {
    return Math.max(0, this.#untilMs - performance.now());
  }

  /** Whether a lease has to leave. */
  has(lease: string): boolean {
    return this.#leases.has(lease);
  }

  /** Settles when no lease is left, or they may stay. */
  async finished(): Promise<void> {
    const ended = Promise.all([...this.#leases.values()].map((lease) => lease.ended));
    await Promise.race([ended, this.#stopped.promise]);
    clearTimeout(this.#timer);
  }

  /** Ends the leases that are left after this grace period, if that is earlier. */
  shorten(graceMs: number): void {
    if (graceMs >= this.leftMs) return;
    this.#untilMs = performance.now() + graceMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.endNow(), graceMs);
  }

  /** Ends the leases that are left. */
  endNow(): void {
    for (const lease of this.#leases.values()) lease.end(endReason("draining", this.#why));
  }

  /** The leases that are left may stay, though their clients may be moving. */
  stop(): void {
    clearTimeout(this.#timer);
    for (const lease of this.#leases.values()) lease.undrain();
    this.#stopped.resolve();
  }
}
