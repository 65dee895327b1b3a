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

/**
 * Computes so many rounds as the first 32 bits say (little endian), whatever the clock: a worker that has lost its core
 * does not get on meanwhile, as one that waits for a time would.
 */
export function work(input: Uint8Array): number {
  let rounds = input[0]! | (input[1]! << 8) | (input[2]! << 16) | (input[3]! << 24);
  let state = 1;
  for (; rounds > 0; rounds--) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  return state === 0 ? 0 : input.length; // never 0, but who compiles it can't know
}
