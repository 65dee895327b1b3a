/**
 * The functions that benchmarks call. Each returns as many bytes as it receives.
 *
 * @module
 */

/** Copies one byte: next to no work, so that the cost of the call remains. */
export function touch(input: Uint8Array, output: Uint8Array): number {
  output[0] = input[0]!;
  return input.length;
}

/** Copies all bytes: the minimum of a function that reads its argument and writes its result. */
export function echo(input: Uint8Array, output: Uint8Array): number {
  output.set(input);
  return input.length;
}

/** Computes for the number of milliseconds in the first byte. */
export function compute(input: Uint8Array): number {
  const sinceMs = performance.now();
  while (performance.now() - sinceMs < input[0]!);
  return input.length;
}

/**
 * Computes the number of rounds in the first 32 bits (little endian), independent of the clock: a worker that has lost its
 * core makes no progress, unlike one that waits for a time.
 */
export function work(input: Uint8Array): number {
  let rounds = input[0]! | (input[1]! << 8) | (input[2]! << 16) | (input[3]! << 24);
  let state = 1;
  for (; rounds > 0; rounds--) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  return state === 0 ? 0 : input.length; // never 0, but the compiler cannot prove it
}
