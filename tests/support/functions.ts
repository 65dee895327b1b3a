/** The function package that most tests of the runtime use. */

/** Gives back what it got. */
export function echo(input: Uint8Array, output: Uint8Array): number {
  output.set(input);
  return input.length;
}

/** Gives back the first four bytes and the length, whatever the argument is; for large arguments. */
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

/** Fills as many bytes as the argument's four bytes name, with i * 31 + 7. */
export function produce(input: Uint8Array, output: Uint8Array): number {
  const length = new DataView(input.buffer).getUint32(0);
  const end = Math.min(length, output.length);
  for (let i = 0; i < end; i++) output[i] = i * 31 + 7;
  return length;
}

/** Waits for as many milliseconds as the first byte says, then echoes. */
export async function later(input: Uint8Array, output: Uint8Array): Promise<number> {
  const copy = input.slice();
  await new Promise((resolve) => setTimeout(resolve, copy[0]!));
  output.set(copy);
  return copy.length;
}

/** Has the thread for as many milliseconds as the first byte says, then echoes. */
export function hold(input: Uint8Array, output: Uint8Array): number {
  const untilMs = performance.now() + input[0]!;
  while (performance.now() < untilMs);
  output.set(input);
  return input.length;
}

/** How often this function was called in this worker, as four bytes. */
let calls = 0;
export function count(_input: Uint8Array, output: Uint8Array): number {
  new DataView(output.buffer).setUint32(0, ++calls);
  return 4;
}

/** Never comes back. */
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

/** Gives its argument byte by byte, again and again. */
export function* parts(input: Uint8Array, output: Uint8Array): Generator<number> {
  for (let i = 0;; i++) {
    output[0] = input[i % input.length]!;
    yield 1;
  }
}

/** Likewise, each after as many hundredths of a second as it says. */
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
