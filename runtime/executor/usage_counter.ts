/** Adds what the worker uses to the counters in the executor manager's memory. */

import {
  CYCLES_AWAKE,
  CYCLES_COMPUTED,
  CYCLES_SEEN,
  IN_CALL,
  IN_TURN,
  SERVED,
  watchTotals,
} from "./watch_words.ts";

/** The interval. Usage that is not added yet is lost with the process. */
export const COUNT_EVERY_MS = 250;

/** Words of the counters, each of 64 bits. */
export const COMPUTE_NS = 0;
export const POLL_NS = 1;
/** Grows with each count, by which the main thread shows that it lives. */
export const BEATS = 2;
/** The requests that the worker has served. */
export const CALLS = 3;

export class UsageCounter {
  readonly #cycles: () => number;
  readonly #add: (word: number, ns: bigint) => void;
  readonly #startCycles: number;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  readonly #words: Int32Array;
  readonly #totals: Float64Array;
  /** The highest totals seen, in cycles. */
  #computed = 0;
  #polled = 0;
  #served = 0;
  /** Usage that was read and is not added yet, in nanoseconds, by word. */
  readonly #unadded = [0, 0];

  /**
   * @param words the words that the worker writes.
   * @param add adds to a counter: nanoseconds, beats or calls.
   * @param nowMs the clock that calibrates the cycles. @default performance.now
   */
  constructor(
    words: Int32Array,
    cycles: () => number,
    add: (word: number, ns: bigint) => void,
    nowMs = () => performance.now(),
  ) {
    this.#words = words;
    this.#totals = watchTotals(words);
    this.#cycles = cycles;
    this.#add = add;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    this.#startCycles = cycles();
  }

  count(): void {
    const nowMs = this.#nowMs();
    const now = this.#cycles();
    if (nowMs <= this.#startMs || now <= this.#startCycles) return;
    const nsPerCycle = (nowMs - this.#startMs) * 1e6 / (now - this.#startCycles);
    const words = this.#words;
    const totals = this.#totals;
    const counted = totals[CYCLES_COMPUTED]!;
    const isBusy = Atomics.load(words, IN_CALL) !== 0 || Atomics.load(words, IN_TURN) !== 0;
    const seen = totals[CYCLES_SEEN]!;
    // If the worker has looked meanwhile, its total has the call, or has it at the next count. The polls since its last
    // look count as computing until then, which is some microseconds.
    const isStill = isBusy && totals[CYCLES_COMPUTED] === counted;
    const computed = counted + (isStill ? Math.max(0, now - seen) : 0);
    const polled = totals[CYCLES_AWAKE]! - computed;
    this.#unadded[COMPUTE_NS]! += Math.max(0, computed - this.#computed) * nsPerCycle;
    this.#unadded[POLL_NS]! += Math.max(0, polled - this.#polled) * nsPerCycle;
    this.#computed = Math.max(this.#computed, computed);
    this.#polled = Math.max(this.#polled, polled);
    this.#add(BEATS, 1n);
    const served = totals[SERVED]!;
    if (served > this.#served && Number.isSafeInteger(served)) {
      this.#add(CALLS, BigInt(served - this.#served));
      this.#served = served;
    }
    for (const word of [COMPUTE_NS, POLL_NS]) {
      const ns = Math.floor(this.#unadded[word]!);
      if (ns === 0) continue;
      this.#unadded[word]! -= ns;
      this.#add(word, BigInt(ns));
    }
  }
}
