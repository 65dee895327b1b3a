/** Sizes in bytes, as numbers and as texts. */

/** A number of bytes, or a text such as `"256MiB"` (KiB, MiB, GiB, TiB; kB, MB, GB, TB). */
export type ByteSize = number | string;

/** The memory of a lease that names none. Nodes keep executors ready for it. */
export const DEFAULT_MEMORY_BYTES = 256 * 2 ** 20;

/** A size as a text, in a form that JSON Schema can state too: it has no flags. */
export const BYTE_SIZE_PATTERN = /^\s*(\d+(?:\.\d+)?)\s*([KMGTkmgt][Ii]?[Bb]|[Bb]|)\s*$/;

const UNITS: Record<string, number> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * Reads a number of bytes.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseBytes } from "./byte_size.ts";
 *
 * assertEquals(parseBytes("256MiB", "memory"), 268_435_456);
 * ```
 *
 * @param option The name of the option, for the error.
 * @throws {RangeError} If the size cannot be read; the message has the option and the value.
 */
export function parseBytes(size: ByteSize, option: string): number {
  const bytes = tryParseBytes(size);
  if (bytes === undefined) {
    throw new RangeError(
      `Cannot read ${option}: expected bytes or a text such as "256MiB", not ${
        JSON.stringify(size)
      }`,
    );
  }
  return bytes;
}

/** Reads a number of bytes; returns undefined if the size cannot be read or exceeds 2^53 - 1. */
export function tryParseBytes(size: ByteSize): number | undefined {
  const [, number, unit] = typeof size === "number"
    ? [size, size, ""]
    : BYTE_SIZE_PATTERN.exec(size) ?? [];
  const bytes = Math.round(Number(number) * UNITS[String(unit).toLowerCase()]!);
  return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : undefined;
}
