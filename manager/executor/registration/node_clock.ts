/**
 * The resource manager's time, as a node estimates it: its own monotonic clock and an offset measured by heartbeats. A
 * wall clock that jumps has no effect.
 */

/** The most by which two monotonic clocks drift apart: 200 us a second. */
const DRIFT = 200e-6;

/** A node's estimate of the resource manager's clock. */
export class NodeClock {
  readonly #monotonic: () => number;
  #offsetMs = NaN;
  /** The largest error that the offset may have had when it was measured. */
  #errorMs = Infinity;
  #learnedMs = 0;

  /** @param monotonic this node's own monotonic clock, in milliseconds. The default is `performance.now`. */
  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
  }

  /**
   * Measures the offset by a request and its response. A slow exchange is less exact than an older, quick one, and is
   * ignored unless the two contradict each other: then the manager's clock has changed.
   *
   * @param managerMs the manager's time, read between `sentMs` and `receivedMs` of this node's own clock.
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

  /** Returns the resource manager's time in milliseconds; NaN before the first exchange. */
  nowMs(): number {
    return this.#monotonic() + this.#offsetMs;
  }
}
