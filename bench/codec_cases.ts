/** What is sent to measure codecs: the same numbers under each, so that codecs are told apart and not values. */

import { arrayOf, bytes, type Codec, json, msgpack } from "../functions.ts";
import { NUMBERS } from "./codec_functions.ts";

export interface CodecCase {
  /** The function of codec_functions.ts. */
  readonly name: "raw" | "typedBytes" | "array" | "fields" | "text" | "packed";
  readonly codec: Codec<unknown>;
  readonly value: unknown;
}

/** So many doubles make 64 bytes, 4 KiB and 1 MiB. */
export const COUNTS = [8, 512, 131_072];

/** The cases for so many doubles; the first is the one to compare with. */
export function codecCases(count: number): CodecCase[] {
  // All digits, as measured values have them: JSON writes each with some 18 characters.
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
