/**
 * The functions that the demo runs on leased workers. Each receives its argument and an output buffer, both in
 * registered memory, and returns the number of bytes written. They run without any permission. This module and
 * its imports are bundled into one file.
 *
 * @module
 */
import { decodeJpeg, encodeJpeg } from "./jpeg.ts";
import { shrink } from "./shrink.ts";

/** The longer side of a thumbnail, in pixels. */
const THUMBNAIL_SIDE = 256;

/** The quality of a thumbnail, from 1 to 100. Above 85 a file grows faster than the picture improves. */
const THUMBNAIL_QUALITY = 85;

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
 * Makes a thumbnail of a photograph. Equal arguments give equal bytes on every host.
 *
 * @param input A JPEG file.
 * @param output Receives a JPEG whose longer side has 256 pixels, fewer if the photograph has fewer.
 * @returns The thumbnail's length in bytes.
 * @throws {TypeError} If the argument is no JPEG, or a damaged one.
 * @throws {RangeError} If it has too many pixels, or its thumbnail does not fit into the output.
 */
export function thumbnail(input: Uint8Array, output: Uint8Array): number {
  const small = encodeJpeg(shrink(decodeJpeg(input), THUMBNAIL_SIDE), THUMBNAIL_QUALITY);
  if (small.length > output.length) {
    throw new RangeError(
      `Cannot return a thumbnail of ${small.length} bytes: the output buffer has ${output.length}`,
    );
  }
  output.set(small);
  return small.length;
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
