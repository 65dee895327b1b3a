/**
 * Many times, in the little memory of an HDR histogram: three digits that count, whatever the magnitude, so that
 * percentiles of ten minutes at full speed need no more room than those of a second. Filled after a turn has been
 * measured, since taking in a value costs some 45 ns.
 *
 * @module
 */
import { build } from "./hdr_histogram.ts";

/** The histogram counts whole numbers: of picoseconds, so that parts of a nanosecond are told apart. */
const UNITS_PER_US = 1e6;
/** To begin with, in units; it grows by itself. */
const HIGHEST = 2 ** 40;
const DIGITS = 3;
/** Beyond it units are no whole numbers any more: two and a half hours. */
const MOST_US = 9e9;
/** Points of a curve for each step of nines. */
const POINTS_PER_STEP = 20;

/** A point of a curve: 1 at 90 %, 2 at 99 %, 3 at 99.9 %, and how many microseconds that share takes at most. */
export type CurvePoint = readonly [nines: number, us: number];

/** Times in microseconds. */
export class Times {
  readonly #histogram = build({
    bitBucketSize: 32,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST,
    numberOfSignificantValueDigits: DIGITS,
  });
  #least = Infinity;
  #sum = 0;

  static of(timesUs: Iterable<number>): Times {
    const times = new Times();
    for (const us of timesUs) times.add(us);
    return times;
  }

  /** @throws {RangeError} for what is no time. */
  add(us: number): void {
    if (!(us >= 0 && us <= MOST_US)) throw new RangeError(`Cannot count a time of ${us} us`);
    this.#histogram.recordValue(Math.round(us * UNITS_PER_US));
    this.#least = Math.min(this.#least, us);
    this.#sum += us;
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Exact, as the mean is. */
  get minUs(): number {
    return this.#least;
  }

  get meanUs(): number {
    return this.#sum / this.count;
  }

  /** @throws {RangeError} if there is no value. */
  percentileUs(percent: number): number {
    if (this.count === 0) throw new RangeError("Cannot find a percentile: there are 0 values");
    return this.#histogram.getValueAtPercentile(percent) / UNITS_PER_US;
  }

  /** The distribution, as far as the values tell it: up to the slowest of them. */
  curve(): CurvePoint[] {
    const end = Math.log10(this.count);
    const points: CurvePoint[] = [];
    for (let i = 0; i < end * POINTS_PER_STEP; i++) {
      const nines = i / POINTS_PER_STEP;
      points.push([nines, this.percentileUs(100 - 100 / 10 ** nines)]);
    }
    points.push([end, this.#histogram.maxValue / UNITS_PER_US]);
    return points;
  }
}
