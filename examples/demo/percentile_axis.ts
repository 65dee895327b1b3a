/**
 * The axis of a percentile chart: each step to the right divides the share of slower calls by ten, so
 * that 90, 99, 99.9 and 99.99 % stand at 1, 2, 3 and 4.
 *
 * @module
 */

/** Points a curve has for each step of the axis: on the demo's chart about one for two pixels. */
const pointsPerStep = 100;

/**
 * Where a percentile stands on the axis.
 *
 * @param percent From 0 to below 100.
 * @returns The position, from 0.
 */
export function positionOf(percent: number): number {
  // Rounded, since 99.9 % would come out at 3.0000000000000004 and so beyond an axis that ends at 3.
  return Math.round(-Math.log10(1 - percent / 100) * 1e9) / 1e9;
}

/**
 * The percentile at a position, written with as many nines as tell it from its neighbours.
 *
 * @param position From 0.
 * @returns For instance "50" or "99.9".
 */
export function percentAt(position: number): string {
  return (100 - 100 / 10 ** position).toFixed(Math.max(0, Math.ceil(position) - 2));
}

/**
 * The points of a curve, just close enough together: a hundred thousand of them would make a file of
 * megabytes that looks the same.
 *
 * @param sorted The values in ascending order, at least one.
 * @returns Position and value, from the smallest to the greatest; the last is always the greatest.
 */
export function curve(sorted: Float64Array): [position: number, value: number][] {
  const points: [number, number][] = [];
  const end = Math.log10(sorted.length);
  for (let i = 0; i < end * pointsPerStep; i++) {
    const position = i / pointsPerStep;
    const index = Math.floor(sorted.length * (1 - 10 ** -position));
    points.push([position, sorted[index]!]);
  }
  points.push([end, sorted.at(-1)!]);
  return points;
}
