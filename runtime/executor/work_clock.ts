/**
 * Where a worker's time goes, in cycles of the processor's counter. A reading costs 10 ns, so that a call has one, after
 * its reply has left, where the next call is counted on; and one more at its beginning if the worker had looked in vain.
 * The totals lie in the words of watch_words.ts, where the main thread reads them; one writer: the worker.
 */

import { CYCLES_AWAKE, CYCLES_BEGAN, CYCLES_COMPUTED, IN_TURN } from "./watch_words.ts";

export class WorkClock {
  readonly #cycles: () => number;
  readonly #words: Int32Array;
  readonly #totals: Float64Array;
  #seen: number;

  /** @param totals the same memory as `words`. */
  constructor(cycles: () => number, words: Int32Array, totals: Float64Array) {
    this.#cycles = cycles;
    this.#words = words;
    this.#totals = totals;
    this.#seen = cycles();
  }

  /** Computing begins: a call has come, and before it there was none. */
  began(): void {
    this.#totals[CYCLES_BEGAN] = this.#cycles();
  }

  /** A call has been served, and its reply has left if it was not asynchronous. What follows at once counts as well. */
  served(): void {
    const now = this.#cycles();
    this.#totals[CYCLES_COMPUTED]! += now - this.#totals[CYCLES_BEGAN]!;
    this.#totals[CYCLES_BEGAN] = now;
  }

  /** The event loop gets a turn, in which asynchronous functions go on: that is computing. */
  leave(): void {
    this.began();
    this.#words[IN_TURN] = 1;
  }

  /** The turn is over. */
  comeBack(): void {
    this.#words[IN_TURN] = 0;
    this.served();
  }

  /** What has passed since the last look was awake time, computing included. */
  look(): void {
    const now = this.#cycles();
    this.#totals[CYCLES_AWAKE]! += now - this.#seen;
    this.#seen = now;
  }

  /** What has passed since the last look was sleep. */
  slept(): void {
    this.#seen = this.#totals[CYCLES_BEGAN] = this.#cycles();
  }
}
