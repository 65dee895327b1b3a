/** How long calls took, in buckets whose width grows with the time. Recording allocates nothing. */

/**
 * How long calls took, from the begin of each until its result was there, or until `finish()` took it. Streams and calls
 * that failed are not part of it.
 */
export interface LatencyStats {
  /** The number of calls. */
  readonly count: number;
  /** Their mean, in milliseconds; 0 without any. */
  readonly meanMs: number;
  /** The longest, in milliseconds. */
  readonly maxMs: number;
  /** The time that half of them did not exceed, in milliseconds, to 6 %. */
  readonly p50Ms: number;
  /** The same of 90 %. */
  readonly p90Ms: number;
  /** The same of 99 %. */
  readonly p99Ms: number;
  /** The same of 99.9 %. */
  readonly p999Ms: number;
  /** The buckets that are not empty, the shortest first: how many calls took at most `upToMs`, and more than the bucket before. */
  readonly buckets: readonly { readonly upToMs: number; readonly count: number }[];
}

/** Buckets for each power of two: a bucket is a sixteenth of its time wide. */
const STEPS = 16;
const STEP_BITS = 4;
/** The time in the first buckets: what the clock resolves. */
const UNIT_MS = 1e-5;
/** The last bucket ends after more than a day. */
const POWERS = 40;

export class LatencyHistogram {
  readonly #counts = new Float64Array(POWERS * STEPS);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  record(ms: number): void {
    if (!(ms >= 0)) return; // a clock that was set back
    this.#count++;
    this.#sumMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
    this.#counts[bucketOf(ms)]!++;
  }

  read(): LatencyStats {
    const buckets = Array.from(this.#counts, (count, at) => ({ upToMs: endOf(at), count }))
      .filter(({ count }) => count > 0);
    return {
      count: this.#count,
      meanMs: this.#count === 0 ? 0 : this.#sumMs / this.#count,
      maxMs: this.#maxMs,
      p50Ms: this.#percentile(0.5),
      p90Ms: this.#percentile(0.9),
      p99Ms: this.#percentile(0.99),
      p999Ms: this.#percentile(0.999),
      buckets,
    };
  }

  #percentile(share: number): number {
    let left = Math.ceil(share * this.#count);
    if (left === 0) return 0;
    const at = this.#counts.findIndex((count) => (left -= count) <= 0);
    return Math.min(endOf(at), this.#maxMs);
  }
}

/** Linear below 16 units; above, the first four bits after the leading one choose a step of a power of two. */
function bucketOf(ms: number): number {
  const units = Math.ceil(ms / UNIT_MS);
  if (units < STEPS) return units;
  const power = Math.floor(Math.log2(units));
  const step = Math.floor((units / 2 ** power - 1) * STEPS);
  return Math.min(((power - STEP_BITS + 1) * STEPS) + step, POWERS * STEPS - 1);
}

/** The longest time in a bucket. */
function endOf(at: number): number {
  if (at < STEPS) return at * UNIT_MS;
  const power = Math.floor(at / STEPS) + STEP_BITS - 1;
  return ((1 + (at % STEPS + 1) / STEPS) * 2 ** power - 1) * UNIT_MS;
}
