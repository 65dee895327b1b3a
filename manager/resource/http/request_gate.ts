import { clearImmediate, setImmediate } from "node:timers";
import { GATE_PER_TURN, MAX_GATE_WAIT_MS } from "../policy.ts";
import { RefusalError } from "../refusal.ts";

interface Waiting {
  readonly cost: number;
  readonly sinceMs: number;
  readonly pass: () => void;
  readonly refuse: (error: RefusalError) => void;
}

/**
 * Admits requests for something new, in the order of their arrival, a few in each turn of the event loop. Requests that
 * keep something alive do not pass through it: heartbeats, reports, renewals and releases are read between two turns,
 * however many new requests arrive at once.
 */
export class RequestGate implements Disposable {
  readonly #maxWaiting: number;
  readonly #waiting: Waiting[] = [];
  /** How much may still pass in this turn. */
  #left = GATE_PER_TURN;
  #turn: ReturnType<typeof setImmediate> | undefined;
  #isClosed = false;

  /** @param maxWaiting how many requests may wait at a time. */
  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /**
   * Waits for the turn of a request.
   *
   * @param cost how much of a turn it takes, {@linkcode GATE_PER_TURN} at most.
   * @throws {RefusalError} 429 `busy` if too many wait, or after {@linkcode MAX_GATE_WAIT_MS}; 503 `closing` after the
   * disposal.
   */
  enter(cost = 1): Promise<void> {
    if (this.#isClosed) return Promise.reject(closing());
    this.#turn ??= setImmediate(() => this.#next());
    if (this.#waiting.length === 0 && this.#left >= cost) {
      this.#left -= cost;
      return Promise.resolve();
    }
    if (this.#waiting.length >= this.#maxWaiting) {
      return Promise.reject(busy(`${this.#waiting.length} requests wait for their turn`));
    }
    const { promise, resolve: pass, reject: refuse } = Promise.withResolvers<void>();
    this.#waiting.push({ cost, sinceMs: performance.now(), pass, refuse });
    return promise;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearImmediate(this.#turn);
    for (const { refuse } of this.#waiting.splice(0)) refuse(closing());
  }

  #next(): void {
    this.#turn = undefined;
    this.#left = GATE_PER_TURN;
    const sinceMs = performance.now() - MAX_GATE_WAIT_MS;
    let passed = 0;
    for (const { cost, sinceMs: arrivedMs, pass, refuse } of this.#waiting) {
      if (cost > this.#left) break;
      passed++;
      // Its client is about to give up: an answer to a later one is of more use.
      if (arrivedMs < sinceMs) {
        refuse(busy(`the request waited for ${MAX_GATE_WAIT_MS} ms`));
        continue;
      }
      this.#left -= cost;
      pass();
    }
    this.#waiting.splice(0, passed);
    if (passed > 0) this.#turn = setImmediate(() => this.#next());
  }
}

function closing(): RefusalError {
  const state = "the resource manager is closing";
  return new RefusalError(503, "closing", `Cannot accept request: ${state}`, 1);
}

function busy(state: string): RefusalError {
  return new RefusalError(429, "busy", `Cannot accept request: ${state}`, 1);
}
