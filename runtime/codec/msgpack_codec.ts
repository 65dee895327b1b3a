/** MessagePack, by the library of its makers; this is the one file that names it. */

// deno-lint-ignore no-import-prefix -- an import map does not reach those who import functions.ts from elsewhere
import { Decoder, Encoder } from "npm:@msgpack/msgpack@3.1.3";
import { type Codec, CodecError, copyInto } from "./codec.ts";

/**
 * A value as MessagePack: what JSON can say, and bytes and dates as well; `undefined` comes back as `null`. The type is
 * the author's word: what comes is not checked against it.
 */
export function msgpack<T = unknown>(): Codec<T> {
  const encoder = new Encoder();
  const decoder = new Decoder();
  const encode = (value: T) => {
    try {
      return encoder.encodeSharedRef(value);
    } catch (error) {
      throw new CodecError(`has no MessagePack: ${(error as Error).message}`, { cause: error });
    }
  };
  return {
    text: "msgpack",
    encode,
    encodeInto: (value, into) => copyInto(encode(value), into),
    decode: (bytes) => {
      try {
        // Bytes inside would else be views of memory that is written again.
        return decoder.decode(bytes.slice()) as T;
      } catch (error) {
        throw new CodecError(`must be MessagePack: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}
