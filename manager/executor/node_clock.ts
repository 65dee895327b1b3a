/**
 * The resource manager's time, as a node reckons it: its own monotonic clock and an offset learned from heartbeats.
 * A wall clock that jumps moves nothing here.
 */
export class NodeClock {
  #offsetMs = NaN;

  /** Learns from an exchange: `managerMs` was read somewhere between the two readings of this node's clock. */
  learn(managerMs: number, sentMs: number, receivedMs: number): void {
    this.#offsetMs = managerMs - (sentMs + receivedMs) / 2;
  }

  /** Milliseconds of the resource manager's clock. */
  nowMs(): number {
    return performance.now() + this.#offsetMs;
  }
}
