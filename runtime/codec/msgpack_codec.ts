/** Values as MessagePack, by its reference library. */

// @ts-types="../../vendor/msgpack.d.ts"
import { Decoder, Encoder } from "../../vendor/msgpack.js";
import { type Codec, CodecError, copyInto } from "./codec.ts";
import { checkPlain, type PlainFormat } from "./plain_data.ts";

const FORMAT: PlainFormat = {
  expected: "a MessagePack value",
  has: (value) =>
    value instanceof Uint8Array || value instanceof Date && !Number.isNaN(value.getTime()),
  hasAnyNumber: true,
  hasAnyText: false,
};

/**
 * Makes a codec of MessagePack: all JSON values, bytes, dates, NaN and Infinity. Decoded values are not checked against
 * their type: the function's author and its caller agree on it.
 *
 * @typeParam T The type of the values.
 * @returns The codec. It throws {@linkcode CodecError} for a value that MessagePack would change or cannot represent,
 * with its path: a Map or another object of a class, a typed array other than Uint8Array, a bigint, `undefined` in an
 * array, a cycle, a lone surrogate, the key `__proto__`. A property that is `undefined` is left out.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { msgpack } from "@rfaas/rfaas/functions";
 *
 * const codec = msgpack<{ name: string; hash: Uint8Array }>();
 * const value = { name: "rfaas", hash: new Uint8Array([1, 2, 3]) };
 *
 * assertEquals(codec.decode(codec.encode(value)), value);
 * ```
 */
export function msgpack<T = unknown>(): Codec<T> {
  const encoder = new Encoder({ ignoreUndefined: true });
  const decoder = new Decoder();
  const encode = (value: T) => {
    checkPlain(value, FORMAT);
    try {
      return encoder.encodeSharedRef(value);
    } catch (error) {
      throw new CodecError(`not serializable as MessagePack: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
  return {
    text: "msgpack",
    encode,
    encodeInto: (value, into) => copyInto(encode(value), into),
    decode: (bytes) => {
      try {
        // A copy: bytes inside are views, and the memory below them is reused.
        return decoder.decode(bytes.slice()) as T;
      } catch (error) {
        throw new CodecError(`not MessagePack: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}
