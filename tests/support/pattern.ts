/** Test data in which a shifted, missing or cleared byte is detected. */

/** Bytes that vary with their position and the seed, and are never zero. */
export function pattern(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (seed + i * 31 + (i >>> 8) * 7) % 255 + 1;
  return bytes;
}
