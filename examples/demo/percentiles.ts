/**
 * Percentiles of measured times. All values are kept and sorted, so the figures are exact; a hundred thousand values
 * need no histogram.
 *
 * @module
 */

/** The result of {@linkcode percentiles}, in the unit of the values. */
export interface Percentiles {
  p50: number;
  p99: number;
  p999: number;
  min: number;
  max: number;
}

/**
 * Finds a percentile among sorted values by the nearest-rank rule: the smallest value such that at
 * least that percentage of all values is no greater. The result is always one of the values.
 *
 * @param sorted The values in ascending order, at least one.
 * @param percent Above 0, up to 100.
 * @returns The value.
 * @throws {RangeError} If there is no value, or no such percentile.
 */
export function percentileOf(sorted: Float64Array, percent: number): number {
  if (!(percent > 0 && percent <= 100)) {
    throw new RangeError(`Cannot find percentile ${percent}: it lies outside 0 to 100`);
  }
  // Rounded to a billionth first: 99.9 / 100 * 1000 is 999.0000000000001 in floating point.
  const rank = Math.ceil(Math.round(percent / 100 * sorted.length * 1e9) / 1e9);
  const value = sorted[Math.max(rank, 1) - 1];
  if (value === undefined) {
    throw new RangeError(`Cannot find percentile ${percent}: there are ${sorted.length} values`);
  }
  return value;
}

/**
 * Finds the percentiles that show how steady a call is. Sorts the values in place, without a copy.
 *
 * @param values The measured times, at least one; their order is lost.
 * @returns The median, the tail and the extremes.
 * @throws {RangeError} If there is no value.
 */
export function percentiles(values: Float64Array): Percentiles {
  values.sort();
  return {
    p50: percentileOf(values, 50),
    p99: percentileOf(values, 99),
    p999: percentileOf(values, 99.9),
    min: percentileOf(values, Number.MIN_VALUE),
    max: percentileOf(values, 100),
  };
}
