/** Typed arrays: memory on both sides, which the codec never copies. */

import { CodecError, copyInto, shown, type ViewCodec } from "./codec.ts";

/** The typed arrays by the names of their elements. */
export interface TypedArrays {
  /** 8-bit integers, signed. */
  i8: Int8Array;
  /** 8-bit integers, unsigned. */
  u8: Uint8Array;
  /** 8-bit integers, unsigned and clamped. */
  u8c: Uint8ClampedArray;
  /** 16-bit integers, signed. */
  i16: Int16Array;
  /** 16-bit integers, unsigned. */
  u16: Uint16Array;
  /** 32-bit integers, signed. */
  i32: Int32Array;
  /** 32-bit integers, unsigned. */
  u32: Uint32Array;
  /** 64-bit integers, signed. */
  i64: BigInt64Array;
  /** 64-bit integers, unsigned. */
  u64: BigUint64Array;
  /** 16-bit floats. */
  f16: Float16Array;
  /** 32-bit floats. */
  f32: Float32Array;
  /** 64-bit floats. */
  f64: Float64Array;
}

/** The name of an element of a typed array, such as `f64`; `u8c` is the clamped byte. */
export type ElementKind = keyof TypedArrays;

/** The typed array of such elements. */
export type ArrayOf<K extends ElementKind> = TypedArrays[K];

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
} satisfies Record<ElementKind, unknown>;

export function isElementKind(name: string): name is ElementKind {
  return Object.hasOwn(ARRAYS, name);
}

/**
 * Makes a codec of typed arrays, such as Float64Array for `"f64"`. The function receives a view of the memory that the
 * argument was written to. A result that it fills in place, in `context.output`, is not copied either.
 *
 * @typeParam K The name of the elements.
 * @param kind The name of the elements: `i8` to `i64`, `u8` to `u64`, `u8c`, `f16`, `f32` or `f64`.
 * @returns The codec.
 * @throws {TypeError} When no typed array has such elements.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { arrayOf } from "@rfaas/rfaas/functions";
 *
 * const codec = arrayOf("f64");
 * const bytes = codec.encode(new Float64Array([1, 2]));
 *
 * assertEquals(bytes.length, 16);
 * assertEquals(codec.decode(bytes), new Float64Array([1, 2]));
 * ```
 */
export function arrayOf<K extends ElementKind>(kind: K): ViewCodec<ArrayOf<K>> {
  if (!isElementKind(kind)) {
    throw new TypeError(
      `Cannot make codec: no typed array has elements ${shown(kind)}, only ${
        Object.keys(ARRAYS).join(", ")
      }`,
    );
  }
  // One signature stands for all: they differ in the class alone.
  const Class = ARRAYS[kind] as unknown as Float64ArrayConstructor;
  const { BYTES_PER_ELEMENT: width } = Class;
  const check = (value: Float64Array) => {
    if (value instanceof Class) return value;
    throw new CodecError(`expected a ${Class.name}, not ${shown(value)}`);
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
        ? value.byteLength // filled in place
        : copyInto(encode(value), into),
    decode: (bytes) => {
      if (bytes.length % width === 0) return view(bytes);
      throw new CodecError(`expected whole elements of ${width} bytes, not ${bytes.length} bytes`);
    },
    view,
  };
  return codec as unknown as ViewCodec<ArrayOf<K>>;
}
