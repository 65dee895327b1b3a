/**
 * What benchmarks call. Each answers with as many bytes as it was handed.
 *
 * @module
 */

/** Copies one byte, as the reference's own benchmark does next to nothing: what is left is the call. */
export function touch(input: Uint8Array, output: Uint8Array): number {
  output[0] = input[0]!;
  return input.length;
}

/** Copies all of it: what a function that reads its argument and writes its result pays at the least. */
export function echo(input: Uint8Array, output: Uint8Array): number {
  output.set(input);
  return input.length;
}

/** Computes for as many milliseconds as the first byte says. */
export function compute(input: Uint8Array): number {
  const sinceMs = performance.now();
  while (performance.now() - sinceMs < input[0]!);
  return input.length;
}
