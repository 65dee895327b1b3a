/**
 * The functions of a leased worker: it keeps all rows of its rank, and each call names those that it computes, so that the
 * share may change from iteration to iteration.
 *
 * @module
 */
import { keptRows } from "../jacobi/functions.ts";
import { sweep } from "../jacobi/sweep.ts";

export { keep } from "../jacobi/functions.ts";

/** Doubles before x: the first row, and the number of rows. */
export const STEP_HEADER = 2;
/** Doubles before the rows of a result: the time that they took, in milliseconds. */
export const RESULT_HEADER = 1;

/** Receives x, and returns the next values of the named rows. */
export function step(input: Uint8Array, output: Uint8Array): number {
  const startMs = performance.now();
  const given = new Float64Array(input.buffer, input.byteOffset, input.length / 8 | 0);
  const [first = 0, count = 0] = given;
  const x = given.subarray(STEP_HEADER);
  const { rows, unknowns } = keptRows;
  const kept = rows.subarray(first * (unknowns + 1), (first + count) * (unknowns + 1));
  if (x.length !== unknowns || kept.length !== count * (unknowns + 1)) {
    throw new RangeError(`Cannot compute a step: this worker does not keep rows ${first} and on`);
  }
  const result = new Float64Array(output.buffer, output.byteOffset, RESULT_HEADER + count);
  sweep(kept, x, result.subarray(RESULT_HEADER));
  result[0] = performance.now() - startMs;
  return result.byteLength;
}
