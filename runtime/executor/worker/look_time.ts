/** The time of a worker's looks, from its cycle counter: the system's clock costs as much as the rest of a look. */

import { nowMs } from "../../../ffi/intrinsics.ts";

/** Looks between two readings of the system's clock, which bound how long a counter that jumps can mislead. */
export const LOOKS_PER_READING = 32;
/** Time after which the system's clock is read in any case. */
const READ_AFTER_MS = 1;
/** The shortest time from which the rate of the counter is measured. */
const RATE_AFTER_MS = 0.05;

// Indexes of the numbers that have fractions. A field of an object would allocate for each new value.
const MS = 0;
const CYCLES = 1;
const MS_PER_CYCLE = 2;

/** The time in milliseconds, derived from cycles. It may be off by a part of a millisecond, and may step back by as much. */
export class LookTime {
  readonly #now: () => number;
  /** The last reading, and the rate of the counter; 0 until it is known. */
  readonly #reading = new Float64Array(3);
  #looks = 0;

  /** @param now the system's clock, in milliseconds. */
  constructor(now: () => number = nowMs) {
    this.#now = now;
  }

  /** Returns the time of a look. @param cycles the counter at the look. */
  at(cycles: number): number {
    const reading = this.#reading;
    if (++this.#looks < LOOKS_PER_READING && reading[MS_PER_CYCLE] !== 0) {
      const elapsedMs = (cycles - reading[CYCLES]!) * reading[MS_PER_CYCLE]!;
      if (elapsedMs >= 0 && elapsedMs < READ_AFTER_MS) return reading[MS]! + elapsedMs;
    }
    return this.#read(cycles);
  }

  #read(cycles: number): number {
    const reading = this.#reading;
    const ms = this.#now();
    if (reading[CYCLES] !== 0) {
      const elapsedMs = ms - reading[MS]!;
      const elapsed = cycles - reading[CYCLES]!;
      if (elapsedMs >= RATE_AFTER_MS && elapsed > 0) reading[MS_PER_CYCLE] = elapsedMs / elapsed;
      else if (reading[MS_PER_CYCLE] === 0) return ms; // the next reading measures a longer time
      else reading[MS_PER_CYCLE] = 0; // the clock disagrees: the rate is measured again
    }
    reading[MS] = ms;
    reading[CYCLES] = cycles;
    this.#looks = 0;
    return ms;
  }
}
