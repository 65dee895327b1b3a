/**
 * The functions that the demo runs on leased workers. Each receives its argument and an output buffer, both in
 * registered memory, and returns the number of bytes written. They run without any permission. This module and
 * its imports are bundled into one file.
 *
 * @module
 */
export { thumbnail } from "./thumbnail.ts";

/**
 * Returns its argument. The time of such a call is the cost of rfaas itself.
 *
 * @param input Any bytes.
 * @param output Receives the same bytes.
 * @returns The argument's length.
 */
export function echo(input: Uint8Array, output: Uint8Array): number {
  output.set(input);
  return input.length;
}

/**
 * Throws, to show which error the caller receives.
 *
 * @throws {Error} Always.
 */
export function fail(_input: Uint8Array, _output: Uint8Array): number {
  throw new Error("Cannot do anything: this function always throws");
}

/** Never returns and never yields. The demo shows a deadline and the death of an executor with it. */
export function spin(_input: Uint8Array, _output: Uint8Array): number {
  while (true); // on purpose
}

/**
 * Echoes after 5 ms, like a function that waits for input or output.
 *
 * @param input Any bytes.
 * @param output Receives the same bytes.
 * @returns The argument's length.
 */
export async function sleep5(input: Uint8Array, output: Uint8Array): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return echo(input, output);
}
