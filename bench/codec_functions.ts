/** The same echo with each codec, to measure the cost of codecs. */

import { arrayOf, bytes, defineFunction, json, msgpack, struct } from "../functions.ts";

export function raw(input: Uint8Array, output: Uint8Array): number {
  output.set(input);
  return input.length;
}

export const typedBytes = defineFunction({ input: bytes(), output: bytes() }, (value) => value);

export const array = defineFunction(
  { input: arrayOf("f64"), output: arrayOf("f64") },
  (value) => value,
);

/** Writes its result in place, into the output of its context. */
export const arrayInPlace = defineFunction(
  { input: arrayOf("f64"), output: arrayOf("f64") },
  (value, { output }) => {
    output.set(value);
    return output.subarray(0, value.length);
  },
);

export const NUMBERS = struct({
  a: "f64",
  b: "f64",
  c: "f64",
  d: "f64",
  e: "f64",
  f: "f64",
  g: "f64",
  h: "f64",
});

export const fields = defineFunction({ input: NUMBERS, output: NUMBERS }, (value) => value);

export const text = defineFunction(
  { input: json<number[]>(), output: json<number[]>() },
  (value) => value,
);

export const packed = defineFunction(
  { input: msgpack<number[]>(), output: msgpack<number[]>() },
  (value) => value,
);
