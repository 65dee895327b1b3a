/** Bytes as they are, and no value at all. */

import { type Codec, CodecError, copyInto, shown, type ViewCodec } from "./codec.ts";

/**
 * Makes a codec of raw bytes. It makes views and copies nothing, so it is the fastest.
 *
 * @returns The codec.
 *
 * @example
 * ```ts
 * import { bytes, defineFunction } from "@rfaas/rfaas/functions";
 *
 * export const first = defineFunction(
 *   { input: bytes(), output: bytes() },
 *   (input) => input.subarray(0, 1),
 * );
 * ```
 */
export function bytes(): ViewCodec<Uint8Array> {
  const check = (value: Uint8Array) => {
    if (value instanceof Uint8Array) return value;
    throw new CodecError(`expected a Uint8Array, not ${shown(value)}`);
  };
  return {
    text: "bytes",
    bytesPerElement: 1,
    encode: check,
    encodeInto: (value, into) =>
      check(value).buffer === into.buffer && value.byteOffset === into.byteOffset
        ? value.length
        : copyInto(value, into),
    decode: (bytes) => bytes,
    view: (bytes) => bytes,
  };
}

const NONE = new Uint8Array(0);

/**
 * Makes a codec of no value: for functions without an argument, or without a result.
 *
 * @returns The codec. It encodes `undefined` as no bytes.
 *
 * @example
 * ```ts
 * import { defineFunction, json, nothing } from "@rfaas/rfaas/functions";
 *
 * export const version = defineFunction(
 *   { input: nothing(), output: json<string>() },
 *   () => "1.0",
 * );
 * ```
 */
export function nothing(): Codec<void> {
  return {
    text: "nothing",
    encode: () => NONE,
    encodeInto: () => 0,
    decode: (bytes) => {
      if (bytes.length !== 0) throw new CodecError(`expected no bytes, not ${bytes.length}`);
    },
  };
}
