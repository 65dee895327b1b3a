/**
 * The functions that the demo runs on leased workers. Each is handed its argument and room for its
 * result, both in registered memory, and returns how many bytes of the result it wrote. They run with
 * every permission denied, from the one file that this module and its imports are bundled to.
 *
 * @module
 */
import { decodeJpeg, encodeJpeg } from "./jpeg.ts";
import { shrink } from "./shrink.ts";

/** The longer side of a thumbnail, in pixels. */
const thumbnailSide = 256;

/** Of a thumbnail, from 1 to 100: beyond 85 a file grows faster than it gets better to look at. */
const thumbnailQuality = 85;

/**
 * Gives its argument back: what is left of a call's time is rfaas itself.
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
 * Makes a thumbnail of a photograph. Equal arguments give equal bytes, here and on any worker.
 *
 * @param input A JPEG file.
 * @param output Receives a JPEG whose longer side has 256 pixels, fewer if the photograph has fewer.
 * @returns The thumbnail's length in bytes.
 * @throws {TypeError} If the argument is no JPEG, or a damaged one.
 * @throws {RangeError} If it has too many pixels, or its thumbnail does not fit into the output.
 */
export function thumbnail(input: Uint8Array, output: Uint8Array): number {
  const small = encodeJpeg(shrink(decodeJpeg(input), thumbnailSide), thumbnailQuality);
  if (small.length > output.length) {
    throw new RangeError(
      `Cannot return a thumbnail of ${small.length} bytes: the output has room for ${output.length}`,
    );
  }
  output.set(small);
  return small.length;
}

/**
 * Throws, to show what a caller sees of it.
 *
 * @throws {Error} Always.
 */
export function fail(_input: Uint8Array, _output: Uint8Array): number {
  throw new Error("Cannot do anything: this function always throws");
}

/** Never returns and never yields: what a deadline and the end of an executor are shown with. */
export function spin(_input: Uint8Array, _output: Uint8Array): number {
  while (true); // on purpose
}

/**
 * Echoes after 5 ms, as a function that waits for something does.
 *
 * @param input Any bytes.
 * @param output Receives the same bytes.
 * @returns The argument's length.
 */
export async function sleep5(input: Uint8Array, output: Uint8Array): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return echo(input, output);
}
