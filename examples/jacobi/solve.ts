/** Solutions of a system, by Jacobi and directly. */

import { largestDifference } from "../shared/differences.ts";
import type { FurnaceSystem } from "./furnace.ts";
import type { SharedSystem } from "./shared_system.ts";

/** The iteration ends when no value changes by more than this share of the largest one. */
const RELATIVE_CHANGE = 1e-13;
/** The largest accepted difference from the direct solution, relative to the largest value. */
export const TOLERANCE = 1e-10;
const MAX_ITERATIONS = 2000;

export interface Solution {
  readonly x: Float64Array;
  readonly iterations: number;
}

/** Iterates from 0. @throws {Error} If it does not converge. */
export async function solveByJacobi(n: number, shared: SharedSystem): Promise<Solution> {
  let x = new Float64Array(n);
  let next = new Float64Array(n);
  for (let iterations = 1; iterations <= MAX_ITERATIONS; iterations++) {
    await shared.step(x, next);
    [x, next] = [next, x];
    if (hasConverged(x, next)) return { x, iterations };
  }
  throw new Error(`Cannot solve the system: no convergence within ${MAX_ITERATIONS} iterations`);
}

/** Whether an iteration has changed no value by more than {@linkcode RELATIVE_CHANGE}. */
export function hasConverged(x: Float64Array, before: Float64Array): boolean {
  return largestDifference(x, before) <= RELATIVE_CHANGE * largest(x);
}

/** Solves (1 - matrix) x = constants by elimination. The matrix has a dominant diagonal, so no rows are exchanged. */
export function solveDirectly({ n, rows }: FurnaceSystem): Float64Array {
  const matrix = Array.from({ length: n }, (_, i) => {
    const row = rows.subarray(i * (n + 1) + 1, (i + 1) * (n + 1)).map((value) => -value);
    row[i]! += 1;
    return row;
  });
  const x = Float64Array.from({ length: n }, (_, i) => rows[i * (n + 1)]!);
  for (let k = 0; k < n; k++) {
    const pivot = matrix[k]!;
    for (let i = k + 1; i < n; i++) {
      const row = matrix[i]!;
      const factor = row[k]! / pivot[k]!;
      if (factor === 0) continue;
      for (let j = k + 1; j < n; j++) row[j]! -= factor * pivot[j]!;
      x[i]! -= factor * x[k]!;
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    const row = matrix[i]!;
    let sum = x[i]!;
    for (let j = i + 1; j < n; j++) sum -= row[j]! * x[j]!;
    x[i] = sum / row[i]!;
  }
  return x;
}

export function largest(values: Float64Array): number {
  let found = 0;
  for (const value of values) found = Math.max(found, Math.abs(value));
  return found;
}
