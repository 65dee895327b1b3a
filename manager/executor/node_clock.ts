/**
 * The resource manager's time, as a node reckons it: its own monotonic clock and an offset learned from heartbeats.
 * A wall clock that jumps moves nothing here.
 */

/** By how much two monotonic clocks part from each other, at most: 200 us a second. */
const DRIFT = 200e-6;

export class NodeClock {
  readonly #monotonic: () => number;
  #offsetMs = NaN;
  /** By how much the offset may have been wrong when it was learned. */
  #errorMs = Infinity;
  #learnedMs = 0;

  /** @param monotonic this node's own clock in milliseconds; another one for tests. */
  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
  }

  /**
   * Learns from an exchange: `managerMs` was read somewhere between the two readings of this node's clock. One that took
   * long tells less than an older one that was quick, unless both can't be true: then the manager's clock has changed.
   */
  learn(managerMs: number, sentMs: number, receivedMs: number): void {
    const offsetMs = managerMs - (sentMs + receivedMs) / 2;
    const errorMs = (receivedMs - sentMs) / 2;
    const knownMs = this.#errorMs + (receivedMs - this.#learnedMs) * DRIFT;
    const agree = Math.abs(offsetMs - this.#offsetMs) <= errorMs + knownMs;
    if (agree && errorMs > knownMs) return;
    this.#offsetMs = offsetMs;
    this.#errorMs = errorMs;
    this.#learnedMs = receivedMs;
  }

  /** Milliseconds of the resource manager's clock. */
  nowMs(): number {
    return this.#monotonic() + this.#offsetMs;
  }
}
