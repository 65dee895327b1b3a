/** The largest difference of two vectors; NaN in one of them is the largest of all. */
export function largestDifference(one: Float64Array, other: Float64Array): number {
  let found = one.length === other.length ? 0 : Infinity;
  for (let i = 0; i < one.length; i++) {
    const difference = Math.abs(one[i]! - other[i]!);
    if (!(difference <= found)) found = Number.isNaN(difference) ? Infinity : difference;
  }
  return found;
}
