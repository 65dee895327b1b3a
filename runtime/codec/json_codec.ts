/** Values as JSON. */

import { type Codec, CodecError } from "./codec.ts";
import { checkPlain, type PlainFormat } from "./plain_data.ts";

const FORMAT: PlainFormat = {
  expected: "a JSON value",
  has: () => false,
  hasAnyNumber: false,
  hasAnyText: true,
};

/**
 * Makes a codec of JSON in UTF-8. Decoded values are not checked against their type: the function's author and its
 * caller agree on it.
 *
 * @typeParam T The type of the values.
 * @returns The codec. It throws {@linkcode CodecError} for a value that JSON would change or cannot represent, with
 * its path: a Date, a Map or another object of a class, NaN, a bigint, `undefined` in an array, a cycle. A property that is
 * `undefined` is left out.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { json } from "@rfaas/rfaas/functions";
 *
 * const codec = json<{ name: string }>();
 * const bytes = codec.encode({ name: "rfaas" });
 *
 * assertEquals(bytes.length, 16);
 * assertEquals(codec.decode(bytes), { name: "rfaas" });
 * ```
 */
export function json<T = unknown>(): Codec<T> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const textOf = (value: T): string => {
    checkPlain(value, FORMAT);
    try {
      return JSON.stringify(value);
    } catch (error) {
      throw new CodecError(`not serializable as JSON: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
  return {
    text: "json",
    encode: (value) => encoder.encode(textOf(value)),
    encodeInto: (value, into) => {
      const text = textOf(value);
      const { read, written } = encoder.encodeInto(text, into);
      return read === text.length ? written : encoder.encode(text).length;
    },
    decode: (bytes) => {
      try {
        return JSON.parse(decoder.decode(bytes));
      } catch (error) {
        throw new CodecError(`not JSON: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}
