/** Adds what the workers have newly spent to the counters in the executor manager's memory. */

import {
  CYCLES_AWAKE,
  CYCLES_BEGAN,
  CYCLES_COMPUTED,
  IN_CALL,
  IN_TURN,
  watchTotals,
} from "./watch_words.ts";

/** How often: what is not added yet is lost with the process. */
export const COUNT_EVERY_MS = 250;

/** Words of the counters, each of 64 bits. */
export const COMPUTE_NS = 0;
export const POLL_NS = 1;

interface Counted {
  readonly words: Int32Array;
  readonly totals: Float64Array;
  /** The highest totals seen, in cycles. */
  computed: number;
  polled: number;
}

export class UsageCounter {
  readonly #cycles: () => number;
  readonly #add: (word: number, ns: bigint) => void;
  readonly #startCycles: number;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  readonly #workers: Counted[] = [];
  /** What was seen and is not added yet, in nanoseconds, by word. */
  readonly #owed = [0, 0];

  /**
   * @param add adds nanoseconds to a counter.
   * @param nowMs the clock that the cycles are measured by. @default performance.now
   */
  constructor(
    cycles: () => number,
    add: (word: number, ns: bigint) => void,
    nowMs = () => performance.now(),
  ) {
    this.#cycles = cycles;
    this.#add = add;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    this.#startCycles = cycles();
  }

  /** Counts what the worker that writes these words does. */
  watch(words: Int32Array): void {
    this.#workers.push({ words, totals: watchTotals(words), computed: 0, polled: 0 });
  }

  count(): void {
    const nowMs = this.#nowMs();
    const now = this.#cycles();
    if (nowMs <= this.#startMs || now <= this.#startCycles) return;
    const nsPerCycle = (nowMs - this.#startMs) * 1e6 / (now - this.#startCycles);
    for (const worker of this.#workers) {
      const { words, totals } = worker;
      const counted = totals[CYCLES_COMPUTED]!;
      const isBusy = Atomics.load(words, IN_CALL) !== 0 || Atomics.load(words, IN_TURN) !== 0;
      const began = totals[CYCLES_BEGAN]!;
      // One that has ended meanwhile is in the total, or will be at the next look.
      const isStill = isBusy && totals[CYCLES_COMPUTED] === counted;
      const computed = counted + (isStill ? Math.max(0, now - began) : 0);
      const polled = totals[CYCLES_AWAKE]! - computed;
      this.#owed[COMPUTE_NS]! += Math.max(0, computed - worker.computed) * nsPerCycle;
      this.#owed[POLL_NS]! += Math.max(0, polled - worker.polled) * nsPerCycle;
      worker.computed = Math.max(worker.computed, computed);
      worker.polled = Math.max(worker.polled, polled);
    }
    for (const word of [COMPUTE_NS, POLL_NS]) {
      const ns = Math.floor(this.#owed[word]!);
      if (ns === 0) continue;
      this.#owed[word]! -= ns;
      this.#add(word, BigInt(ns));
    }
  }
}
