/** Finds how many rows to offload, from the times of the iterations so far. */

/** What an iteration took. */
export interface IterationTimes {
  /** Rows that the rank computed, and the time that it took. */
  readonly ownRows: number;
  readonly ownMs: number;
  /** Rows that a leased worker computed, as the worker measured it; the slowest worker of several. */
  readonly leasedRows: number;
  readonly leasedMs: number;
  /** From sending x to the last result. */
  readonly wholeMs: number;
}

/** How much of a new measurement counts: other programs disturb single iterations. */
const NEW_SHARE = 0.3;
/** Without offloaded rows, a few are offloaded so often to measure again. */
const PROBE_EVERY = 32;
const PROBE_ROWS = 8;

/**
 * Models an iteration as own rows at one speed, and leased rows at another one after a fixed time for the call. The share
 * is the one with which both end at once.
 */
export class ShareController {
  readonly #rows: number;
  #ownRowMs: number | undefined;
  #leasedRowMs: number | undefined;
  /** The time of a call besides its computation: x there, rows back, the waking of the worker. */
  #callMs = 0;
  #share: number;
  #iterations = 0;

  /** @param rows of the rank. The first iteration offloads half of them. */
  constructor(rows: number) {
    this.#rows = rows;
    this.#share = rows >> 1;
  }

  /** How many rows to offload in the next iteration. */
  get share(): number {
    const isProbe = this.#share === 0 && this.#iterations % PROBE_EVERY === PROBE_EVERY - 1;
    return isProbe ? Math.min(PROBE_ROWS, this.#rows) : this.#share;
  }

  /** The rows below which offloading does not pay: this thread computes them in the time of a call. */
  get breakEvenRows(): number | undefined {
    return this.#ownRowMs === undefined ? undefined : Math.ceil(this.#callMs / this.#ownRowMs);
  }

  /** Learns from an iteration. */
  add({ ownRows, ownMs, leasedRows, leasedMs, wholeMs }: IterationTimes): void {
    this.#iterations++;
    if (ownRows > 0) this.#ownRowMs = mixed(this.#ownRowMs, ownMs / ownRows);
    if (leasedRows > 0) {
      this.#leasedRowMs = mixed(this.#leasedRowMs, leasedMs / leasedRows);
      // Only if the rank has waited for the result does the whole time include all of the call.
      if (wholeMs > ownMs) this.#callMs = mixed(this.#callMs || undefined, wholeMs - leasedMs);
    }
    const own = this.#ownRowMs;
    const leased = this.#leasedRowMs;
    if (own === undefined) this.#share = this.#rows >> 1;
    else if (leased !== undefined) {
      const best = (this.#rows * own - this.#callMs) / (own + leased);
      this.#share = Math.max(0, Math.min(this.#rows, Math.round(best)));
    }
  }
}

function mixed(before: number | undefined, now: number): number {
  const value = Math.max(0, now);
  return before === undefined ? value : before + NEW_SHARE * (value - before);
}
