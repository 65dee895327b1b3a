/** Typed arrays: memory on both sides, and never copied by the codec. */

import { CodecError, copyInto, shown, type ViewCodec } from "./codec.ts";

/** The typed arrays by the names of their elements; `u8c` is the clamped one. */
const ARRAYS = {
  i8: Int8Array,
  u8: Uint8Array,
  u8c: Uint8ClampedArray,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  f16: Float16Array,
  f32: Float32Array,
  f64: Float64Array,
};

/** The name of an element of a typed array. */
export type ElementKind = keyof typeof ARRAYS;

/** The typed array of such elements. */
export type ArrayOf<K extends ElementKind> = InstanceType<(typeof ARRAYS)[K]>;

export function isElementKind(name: string): name is ElementKind {
  return Object.hasOwn(ARRAYS, name);
}

/**
 * A typed array, such as a Float64Array for `"f64"`. The function gets a view of the memory that the argument was
 * written to; what it fills in place (`context.output`) is not copied either.
 *
 * @throws {TypeError} when there is no such array.
 */
export function arrayOf<K extends ElementKind>(kind: K): ViewCodec<ArrayOf<K>> {
  if (!isElementKind(kind)) {
    throw new TypeError(
      `Cannot make a codec: no typed array has elements ${shown(kind)}, only ${
        Object.keys(ARRAYS).join(", ")
      }`,
    );
  }
  // One signature stands for all of them: what differs is only the class.
  const Class = ARRAYS[kind] as unknown as Float64ArrayConstructor;
  const { BYTES_PER_ELEMENT: width } = Class;
  const check = (value: Float64Array) => {
    if (value instanceof Class) return value;
    throw new CodecError(`must be a ${Class.name}, not ${shown(value)}`);
  };
  const encode = (value: Float64Array) =>
    new Uint8Array(check(value).buffer, value.byteOffset, value.byteLength);
  const view = (bytes: Uint8Array): Float64Array => {
    const length = Math.floor(bytes.length / width);
    return bytes.byteOffset % width === 0
      ? new Class(bytes.buffer, bytes.byteOffset, length)
      : new Class(bytes.slice(0, length * width).buffer);
  };
  const codec: ViewCodec<Float64Array> = {
    text: `${kind}[]`,
    bytesPerElement: width,
    encode,
    encodeInto: (value, into) =>
      check(value).buffer === into.buffer && value.byteOffset === into.byteOffset
        ? value.byteLength // it was filled in place
        : copyInto(encode(value), into),
    decode: (bytes) => {
      if (bytes.length % width === 0) return view(bytes);
      throw new CodecError(`must be whole elements of ${width} bytes, not ${bytes.length} bytes`);
    },
    view,
  };
  return codec as unknown as ViewCodec<ArrayOf<K>>;
}
