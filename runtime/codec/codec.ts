/** How values become bytes and back: the interface of all codecs, and their common error. */

/**
 * A codec encodes values of one type as bytes and decodes them.
 *
 * @typeParam T The type of the values.
 */
export interface Codec<T> {
  /** The codec's name in a manifest, from which a client builds the same codec. */
  readonly text: string;
  /**
   * Encodes a value.
   *
   * @param value The value.
   * @returns Its bytes: a view of the value where it is memory already. They are valid until the next call.
   * @throws {CodecError} When the value is not one of this codec's.
   */
  encode(value: T): Uint8Array;
  /**
   * Encodes a value into a buffer, from its first byte on.
   *
   * @param value The value.
   * @param into The buffer.
   * @returns The number of bytes of the value. If that is more than the buffer has, its content is undefined.
   * @throws {CodecError} When the value is not one of this codec's.
   */
  encodeInto(value: T, into: Uint8Array): number;
  /**
   * Decodes a value.
   *
   * @param bytes All bytes of the value, and no others.
   * @returns The value: a view of the bytes where it is memory.
   * @throws {CodecError} When the bytes are not a value of this codec.
   */
  decode(bytes: Uint8Array): T;
}

/**
 * A codec of values that are memory. It copies nothing, and a buffer can serve as a value to fill.
 *
 * @typeParam T The type of the values.
 */
export interface ViewCodec<T> extends Codec<T> {
  /** The size of an element, in bytes. */
  readonly bytesPerElement: number;
  /**
   * Makes a value of a buffer, in place.
   *
   * @param bytes The buffer.
   * @returns A view of as many whole elements as fit into the buffer.
   */
  view(bytes: Uint8Array): T;
}

/** The type of the values of a codec. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never;

/** A value does not fit its codec, or bytes are not a value of it. */
export class CodecError extends TypeError {
  /** The class's name. */
  override name = "CodecError";
}

/** A value as messages show it: short, and without its content. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    case "number":
      return Object.is(value, -0) ? "-0" : `${value}`;
    case "bigint":
      return `${value}n`;
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : className(value);
    case "function":
      return "a function";
    default:
      return String(value);
  }
}

function className(value: object): string {
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  if (typeof name !== "string" || name === "" || name === "Object") return "an object";
  return /^[AEIO]/.test(name) ? `an ${name}` : `a ${name}`;
}

/** Copies `bytes` to the beginning of `into` if they fit. Returns how many they are. */
export function copyInto(bytes: Uint8Array, into: Uint8Array): number {
  if (bytes.length <= into.length) into.set(bytes);
  return bytes.length;
}
