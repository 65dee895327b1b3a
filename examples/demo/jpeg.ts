/**
 * Converts JPEG to pixels and back. Only this file of the demo uses the codec.
 *
 * The codec is jpeg-js: plain JavaScript without dependencies. `deno bundle` includes it in the one file that is sent to
 * the workers (67 KB), and it runs there without any permission. WebAssembly codecs decode twice as fast
 * (@jsquash/jpeg: 29 ms a megapixel, jpeg-js: 71), but their .wasm is a separate file: importing it as bytes needs a
 * flag from the user, and inlining it makes a package of two megabytes.
 *
 * @module
 */
import { jpeg } from "./jpeg_js.ts";

/** The largest picture that {@linkcode decodeJpeg} accepts. A larger one exceeds the memory of a worker. */
const LARGEST_MEGAPIXELS = 50;

/** A picture in memory: three bytes (red, green, blue) a pixel, rows from the top. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8Array;
}

/**
 * Reads a JPEG's size from its frame header without decoding it.
 *
 * @param bytes The file's content.
 * @returns Width and height in pixels.
 * @throws {TypeError} If the bytes are not a JPEG.
 */
export function jpegSize(bytes: Uint8Array): { width: number; height: number } {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) {
    throw new TypeError(`Cannot read a JPEG: the ${bytes.length} bytes do not begin with FF D8`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) { // a fill byte: any number may precede a marker
      at += 1;
      continue;
    }
    // C0 to CF start a frame, except C4, C8 and CC, which are tables (ITU-T T.81, table B.1).
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const height = view.getUint16(at + 5);
      const width = view.getUint16(at + 7);
      if (width * height > 0) return { width, height };
      throw new TypeError(`Cannot read a JPEG: its frame header has ${width} by ${height} pixels`);
    }
    at += 2 + view.getUint16(at + 2);
  }
  throw new TypeError(`Cannot read a JPEG: no frame header in its ${bytes.length} bytes`);
}

/**
 * Decodes a JPEG, baseline or progressive.
 *
 * @param bytes The file's content.
 * @returns Its pixels.
 * @throws {TypeError} If the bytes are not a JPEG, or one that is damaged.
 * @throws {RangeError} If the picture has more than {@linkcode LARGEST_MEGAPIXELS}.
 */
export function decodeJpeg(bytes: Uint8Array): Pixels {
  const { width, height } = jpegSize(bytes);
  const megapixels = width * height / 1e6;
  if (megapixels > LARGEST_MEGAPIXELS) {
    throw new RangeError(
      `Cannot decode a JPEG of ${megapixels.toFixed(1)} megapixels: ${LARGEST_MEGAPIXELS} at most`,
    );
  }
  try {
    const { data } = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      maxResolutionInMP: LARGEST_MEGAPIXELS,
      maxMemoryUsageInMB: 1024, // up to 18 bytes a pixel: the default of 512 suffices for 28 megapixels
    });
    return { width, height, data };
  } catch (cause) {
    const state = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`Cannot decode a JPEG of ${bytes.length} bytes: ${state}`, { cause });
  }
}

/**
 * Encodes pixels as a baseline JPEG. The same pixels always give the same bytes.
 *
 * @param pixels The picture.
 * @param quality From 1 (small) to 100 (good).
 * @returns The file's content.
 */
export function encodeJpeg({ width, height, data }: Pixels, quality: number): Uint8Array {
  const rgba = new Uint8Array(width * height * 4); // the encoder accepts four bytes a pixel only
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    rgba[to] = data[from]!;
    rgba[to + 1] = data[from + 1]!;
    rgba[to + 2] = data[from + 2]!;
  }
  return new Uint8Array(jpeg.encode({ width, height, data: rgba }, quality).data);
}
