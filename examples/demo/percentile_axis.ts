/**
 * The axis of a percentile chart. Each step to the right divides the share of slower calls by ten: 90, 99, 99.9 and
 * 99.99 % are at 1, 2, 3 and 4.
 *
 * @module
 */

/** Points of a curve for each step of the axis: about one for two pixels of the demo's chart. */
const POINTS_PER_STEP = 100;

/**
 * Returns the position of a percentile on the axis.
 *
 * @param percent From 0 to below 100.
 * @returns The position, from 0.
 */
export function positionOf(percent: number): number {
  // Without rounding 99.9 % is at 3.0000000000000004, beyond an axis that ends at 3.
  return Math.round(-Math.log10(1 - percent / 100) * 1e9) / 1e9;
}

/**
 * Formats the percentile at a position, with enough nines to distinguish it from its neighbors.
 *
 * @param position From 0.
 * @returns For instance "50" or "99.9".
 */
export function percentAt(position: number): string {
  return (100 - 100 / 10 ** position).toFixed(Math.max(0, Math.ceil(position) - 2));
}

/**
 * Returns the points of a curve. A hundred thousand points would look the same and make a file of megabytes.
 *
 * @param sorted The values in ascending order, at least one.
 * @returns Position and value, from the smallest to the greatest; the last is always the greatest.
 */
export function curve(sorted: Float64Array): [position: number, value: number][] {
  const points: [number, number][] = [];
  const end = Math.log10(sorted.length);
  for (let i = 0; i < end * POINTS_PER_STEP; i++) {
    const position = i / POINTS_PER_STEP;
    const index = Math.floor(sorted.length * (1 - 10 ** -position));
    points.push([position, sorted[index]!]);
  }
  points.push([end, sorted.at(-1)!]);
  return points;
}
