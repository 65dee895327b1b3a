/** Makes a thumbnail of a photograph. It runs without any permission. */

import { decodeJpeg, encodeJpeg } from "./jpeg.ts";
import { shrink } from "./shrink.ts";

/** The longer side of a thumbnail, in pixels. */
const THUMBNAIL_SIDE = 256;

/** The quality of a thumbnail, from 1 to 100. Above 85 a file grows faster than the picture improves. */
const THUMBNAIL_QUALITY = 85;

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
