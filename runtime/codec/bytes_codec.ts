/** Bytes as they are, and nothing at all. */

import { type Codec, CodecError, copyInto, shown, type ViewCodec } from "./codec.ts";

/** Raw bytes: views, no copy of its own. The fastest. */
export function bytes(): ViewCodec<Uint8Array> {
  const check = (value: Uint8Array) => {
    if (value instanceof Uint8Array) return value;
    throw new CodecError(`must be a Uint8Array, not ${shown(value)}`);
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

/** No value: for functions that take none, or give none. */
export function nothing(): Codec<void> {
  return {
    text: "nothing",
    encode: () => NONE,
    encodeInto: () => 0,
    decode: (bytes) => {
      if (bytes.length !== 0) throw new CodecError(`must be no bytes, not ${bytes.length}`);
    },
  };
}
