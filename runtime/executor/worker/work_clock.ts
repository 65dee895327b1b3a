/**
 * Meters a worker's time, in cycles of the processor's counter, without a reading of the counter in a call. An empty poll
 * costs about the same each time, so the time between two looks is divided by counting: polling is the empty polls times
 * their cost, and computing is the rest. A poll that finds a call after empty ones takes longer, since the request's cache
 * line has to come from the client's core; one wait in 64 is measured for that. The totals are in the words of
 * watch_words.ts: the worker writes them, the main thread reads them.
 */

import { CYCLES_AWAKE, CYCLES_COMPUTED, CYCLES_SEEN, IN_TURN, SERVED } from "../watch_words.ts";

/** Empty polls from which their cost is measured: fewer would measure the look itself. */
const MEASURED_POLLS = 100;
/** One wait in 64 is measured, if the call came within {@linkcode MEASURED_POLLS}. */
const WAITS_MASK = 63;
/** Readings of the counter, the fastest of which is what one costs. */
const READINGS = 16;
/** How fast a cost may grow with each measurement: one that was interrupted counts little. */
const GROWTH = 1.125;

// Indexes of the numbers that have fractions. A field of an object would allocate for each new value.
const POLL_CYCLES = 0;
const ARRIVAL_CYCLES = 1;
/** When the measured wait began; 0 while none is measured. */
const WAIT_BEGAN = 2;
/** The cost of a reading of the counter, which is in each measured wait. */
const READING_CYCLES = 3;

/** The clock of one worker: computing, awake, asleep. */
export class WorkClock {
  readonly #cycles: () => number;
  readonly #words: Int32Array;
  readonly #totals: Float64Array;
  readonly #costs = new Float64Array(4);
  /** The empty polls, the calls after an empty poll, and all calls: since the last look. */
  #empty = 0;
  #arrived = 0;
  #served = 0;
  #waits = 0;
  /** The empty polls before the measured wait. */
  #emptyBefore = 0;

  /**
   * @param cycles reads the processor's counter.
   * @param totals a view of the same memory as `words`.
   */
  constructor(cycles: () => number, words: Int32Array, totals: Float64Array) {
    this.#cycles = cycles;
    this.#words = words;
    this.#totals = totals;
    let least = Infinity;
    for (let i = 0; i < READINGS; i++) least = Math.min(least, -cycles() + cycles());
    this.#costs[READING_CYCLES] = least;
    totals[CYCLES_SEEN] = cycles();
  }

  /** The first empty poll after a call, or after a sleep. */
  waits(): void {
    this.#empty++;
    if ((++this.#waits & WAITS_MASK) !== 0) return;
    this.#emptyBefore = this.#empty;
    this.#costs[WAIT_BEGAN] = this.#cycles();
  }

  /** Another empty poll. */
  polled(): void {
    this.#empty++;
  }

  /** A call has arrived after an empty poll. */
  arrived(): void {
    this.#arrived++;
    if (this.#costs[WAIT_BEGAN] !== 0) this.#measureArrival();
  }

  #measureArrival(): void {
    const costs = this.#costs;
    const polls = this.#empty - this.#emptyBefore;
    if (polls <= MEASURED_POLLS) {
      const waited = this.#cycles() - costs[WAIT_BEGAN]! - costs[READING_CYCLES]!;
      const cost = Math.max(0, waited - polls * costs[POLL_CYCLES]!);
      // A mean, since this cost differs from call to call.
      const most = 4 * (costs[ARRIVAL_CYCLES]! + costs[POLL_CYCLES]!);
      costs[ARRIVAL_CYCLES]! += (Math.min(cost, most) - costs[ARRIVAL_CYCLES]!) / 8;
    }
    costs[WAIT_BEGAN] = 0;
  }

  /** A call was served; unless it is asynchronous, its reply was sent. */
  served(): void {
    this.#served++;
  }

  /** Divides the time since the last one among polling and computing. Returns the counter. */
  look(): number {
    const totals = this.#totals;
    const costs = this.#costs;
    const now = this.#cycles();
    const elapsed = now - totals[CYCLES_SEEN]!;
    if (this.#served !== 0) {
      const polled = this.#empty * costs[POLL_CYCLES]! + this.#arrived * costs[ARRIVAL_CYCLES]!;
      if (polled < elapsed) totals[CYCLES_COMPUTED]! += elapsed - polled;
    } else if (this.#empty >= MEASURED_POLLS) {
      const cost = elapsed / this.#empty;
      const most = costs[POLL_CYCLES]! * GROWTH;
      costs[POLL_CYCLES] = most !== 0 && most < cost ? most : cost;
    }
    totals[CYCLES_AWAKE]! += elapsed;
    this.#seen(now);
    return now;
  }

  /** Counts the time since the last `look()` as polling, though the polls were not all: the core was yielded. */
  yielded(): void {
    const now = this.#cycles();
    this.#totals[CYCLES_AWAKE]! += now - this.#totals[CYCLES_SEEN]!;
    this.#seen(now);
  }

  /** A turn of the event loop begins. Asynchronous functions run in it, so it counts as computing. */
  leave(): void {
    this.look();
    this.#words[IN_TURN] = 1;
  }

  /** The turn has ended. */
  resume(): void {
    const totals = this.#totals;
    const now = this.#cycles();
    const elapsed = now - totals[CYCLES_SEEN]!;
    totals[CYCLES_AWAKE]! += elapsed;
    totals[CYCLES_COMPUTED]! += elapsed;
    this.#seen(now);
    this.#words[IN_TURN] = 0;
  }

  /** Leaves the time since the last `look()` out of all totals: it was sleep. */
  slept(): void {
    this.#seen(this.#cycles());
  }

  #seen(now: number): void {
    this.#totals[CYCLES_SEEN] = now;
    this.#costs[WAIT_BEGAN] = 0; // a wait is measured within two looks
    this.#totals[SERVED]! += this.#served;
    this.#empty = this.#arrived = this.#served = 0;
  }
}
