/** Compares recognized objects with what a photograph shows, and with those of another run. */

import type { FoundObject } from "./objects.ts";
import type { ShownPhoto } from "./photos.ts";

/** The largest accepted difference of a score, and of an edge as a part of the photograph. */
export const TOLERANCE = 0.01;

/** Whether all classes are found that a photograph shows. It may show others too. */
export function showsAll({ shows }: ShownPhoto, found: readonly FoundObject[]): boolean {
  return shows.every((shown) => found.some(({ name }) => name === shown));
}

/** The largest difference of scores and edges; infinite if the classes differ. */
export function differenceOf(
  found: readonly FoundObject[],
  expected: readonly FoundObject[],
): number {
  if (found.length !== expected.length) return Infinity;
  let largest = 0;
  for (const [i, { name, score, box }] of found.entries()) {
    const other = expected[i]!;
    if (name !== other.name) return Infinity;
    const pairs = [[score, other.score], ...box.map((part, at) => [part, other.box[at]!])];
    for (const [one, two] of pairs) largest = Math.max(largest, Math.abs(one! - two!));
  }
  return largest;
}
