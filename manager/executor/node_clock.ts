/**
 * The resource manager's time, as a node reckons it: its own monotonic clock and an offset learned from heartbeats.
 * A wall clock that jumps moves nothing here.
 */
export class NodeClock {
  readonly #monotonic: () => number;
  #offsetMs = NaN;

  /** @param monotonic this node's own clock in milliseconds; another one for tests. */
  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
  }

  /** Learns from an exchange: `managerMs` was read somewhere between the two readings of this node's clock. */
  learn(managerMs: number, sentMs: number, receivedMs: number): void {
    this.#offsetMs = managerMs - (sentMs + receivedMs) / 2;
  }

  /** Milliseconds of the resource manager's clock. */
  nowMs(): number {
    return this.#monotonic() + this.#offsetMs;
  }
}
