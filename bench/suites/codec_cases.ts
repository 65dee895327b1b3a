/** The values that measure codecs. Each codec encodes the same numbers, so that only the codecs differ. */

import { arrayOf, bytes, type Codec, json, msgpack } from "../../functions.ts";
import { NUMBERS } from "../codec_functions.ts";

export interface CodecCase {
  /** The function of codec_functions.ts. */
  readonly name: "raw" | "typedBytes" | "array" | "fields" | "text" | "packed";
  readonly codec: Codec<unknown>;
  readonly value: unknown;
}

/** Numbers of doubles: 64 bytes, 4 KiB and 1 MiB. */
export const COUNTS = [8, 512, 131_072];

/** Returns the cases for a number of doubles. The first one is the baseline. */
export function codecCases(count: number): CodecCase[] {
  // With all digits, as measured values: JSON writes each with about 18 characters.
  const values = Float64Array.from({ length: count }, (_, i) => Math.sin(i + 1));
  const raw = new Uint8Array(values.buffer);
  const list = [...values];
  const cases: CodecCase[] = [
    { name: "raw", codec: bytes() as Codec<unknown>, value: raw },
    { name: "typedBytes", codec: bytes() as Codec<unknown>, value: raw },
    { name: "array", codec: arrayOf("f64") as Codec<unknown>, value: values },
    { name: "text", codec: json(), value: list },
    { name: "packed", codec: msgpack(), value: list },
  ];
  if (count === 8) {
    const [a, b, c, d, e, f, g, h] = list;
    const value = { a, b, c, d, e, f, g, h };
    cases.push({ name: "fields", codec: NUMBERS as Codec<unknown>, value });
  }
  return cases;
}
