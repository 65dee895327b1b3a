/** The functions that the pages call and do not show. */

/** Returns the argument. */
export function echo(input: Uint8Array, output: Uint8Array): number {
  output.set(input);
  return input.length;
}

/** Stands for one that scales pictures. */
export function thumbnail(input: Uint8Array, output: Uint8Array): number {
  return echo(input, output);
}

/** Yields the argument in two chunks. */
export function* split(input: Uint8Array, output: Uint8Array): Generator<number> {
  const half = input.length >> 1;
  for (const part of [input.slice(0, half), input.slice(half)]) {
    output.set(part);
    yield part.length;
  }
}

export function isPrime(n: number): boolean {
  for (let i = 2; i * i <= n; i++) if (n % i === 0) return false;
  return n > 1;
}
