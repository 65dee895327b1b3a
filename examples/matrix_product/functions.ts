/**
 * The functions of a worker: `product` receives its rows of A and all of B, as in the paper; `keep` receives the rows once,
 * after which `multiply` receives B alone. Both return rows of C.
 *
 * @module
 */
import { multiply as multiplyRows } from "./multiply.ts";

/** Doubles before rows of A: the order of the matrices, and the number of rows. */
export const HEADER = 2;

let order = 0;
let kept = new Float64Array();

/** Receives rows of A, which the worker keeps. */
export function keep(input: Uint8Array, _output: Uint8Array): number {
  const given = doubles(input);
  order = given[0]!;
  kept = given.slice(HEADER, HEADER + order * given[1]!);
  return 0;
}

/** Receives B, and returns the product of the rows that the worker keeps with it. */
export function multiply(input: Uint8Array, output: Uint8Array): number {
  if (input.length !== 8 * order * order) {
    throw new TypeError(
      `Cannot multiply: B has ${input.length} bytes, this worker keeps rows of ${order} elements`,
    );
  }
  multiplyRows(order, kept.length / order, kept, doubles(input), doubles(output));
  return 8 * kept.length;
}

/** Receives rows of A and then B, and returns their product. */
export function product(input: Uint8Array, output: Uint8Array): number {
  const given = doubles(input);
  const [n = 0, rows = 0] = given;
  const end = HEADER + n * rows;
  multiplyRows(n, rows, given.subarray(HEADER, end), given.subarray(end), doubles(output));
  return 8 * n * rows;
}

function doubles({ buffer, byteOffset, length }: Uint8Array): Float64Array {
  return new Float64Array(buffer, byteOffset, length / 8 | 0);
}
