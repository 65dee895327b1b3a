/** The function package that most tests of the runtime use. */

/** Returns its argument. */
export function echo(input: Uint8Array, output: Uint8Array): number {
  output.set(input);
  return input.length;
}

/** Returns the Adler-32 checksum of its argument, which may be large. */
export function sum(input: Uint8Array, output: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let i = 0; i < input.length; i++) {
    a = (a + input[i]!) % 65_521;
    b = (b + a) % 65_521;
  }
  new DataView(output.buffer).setUint32(0, b * 65_536 + a);
  return 4;
}

/** Returns as many bytes as the argument's first four bytes name, each i * 31 + 7. */
export function produce(input: Uint8Array, output: Uint8Array): number {
  const length = new DataView(input.buffer).getUint32(0);
  const end = Math.min(length, output.length);
  for (let i = 0; i < end; i++) output[i] = i * 31 + 7;
  return length;
}

/** Waits for the milliseconds in the first byte, then echoes. */
export async function later(input: Uint8Array, output: Uint8Array): Promise<number> {
  const copy = input.slice();
  await new Promise((resolve) => setTimeout(resolve, copy[0]!));
  output.set(copy);
  return copy.length;
}

/** Occupies the thread for the milliseconds in the first byte, then echoes. */
export function hold(input: Uint8Array, output: Uint8Array): number {
  const untilMs = performance.now() + input[0]!;
  while (performance.now() < untilMs);
  output.set(input);
  return input.length;
}

let calls = 0;
/** Returns how often this function was called in this worker, as four bytes. */
export function count(_input: Uint8Array, output: Uint8Array): number {
  new DataView(output.buffer).setUint32(0, ++calls);
  return 4;
}

/** Never returns. */
export function spin(): number {
  for (;;);
}

/** Never settles. */
export function never(): Promise<number> {
  return new Promise(() => {});
}

/** Throws a TypeError with the argument's text. */
export function fail(input: Uint8Array): number {
  throw new TypeError(new TextDecoder().decode(input));
}

/** Yields the bytes of its argument, repeated without end. */
export function* parts(input: Uint8Array, output: Uint8Array): Generator<number> {
  for (let i = 0;; i++) {
    output[0] = input[i % input.length]!;
    yield 1;
  }
}

/** Yields each byte of its argument after as many hundredths of a second. */
export async function* partsLater(
  input: Uint8Array,
  output: Uint8Array,
): AsyncGenerator<number> {
  for (const byte of input.slice()) {
    await new Promise((resolve) => setTimeout(resolve, byte * 10));
    output[0] = byte;
    yield 1;
  }
}

/** `later` with hundredths of a second: longer than a thread of the test is interrupted. */
export async function laterLong(input: Uint8Array, output: Uint8Array): Promise<number> {
  const copy = input.slice();
  await new Promise((resolve) => setTimeout(resolve, copy[0]! * 10));
  output.set(copy);
  return copy.length;
}

/** `hold` with hundredths of a second. */
export function holdLong(input: Uint8Array, output: Uint8Array): number {
  const untilMs = performance.now() + input[0]! * 10;
  while (performance.now() < untilMs);
  output.set(input);
  return input.length;
}
