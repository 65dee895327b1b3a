/** How values become bytes and come back: what every codec offers, and the error they share. */

/** Turns values of one kind into bytes and back. */
export interface Codec<T> {
  /** Its name in a manifest, of which a client builds the same codec. */
  readonly text: string;
  /**
   * The bytes of a value: a view of it where it is memory already. They are good until the next call.
   *
   * @throws {CodecError} when the value is not of this kind.
   */
  encode(value: T): Uint8Array;
  /**
   * Puts the bytes of a value at the beginning of `into`.
   *
   * @returns how many there are; if that is more than there is room for, what was written means nothing.
   * @throws {CodecError} when the value is not of this kind.
   */
  encodeInto(value: T, into: Uint8Array): number;
  /**
   * The value of these bytes; a view of them for codecs of memory.
   *
   * @throws {CodecError} when they are no such value.
   */
  decode(bytes: Uint8Array): T;
}

/** A codec of values that are memory: nothing is copied, and room can be had as such a value, to be filled. */
export interface ViewCodec<T> extends Codec<T> {
  readonly bytesPerElement: number;
  /** As many whole elements as `bytes` has room for, in place. */
  view(bytes: Uint8Array): T;
}

/** The type of the values of a codec. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never;

/** A value does not fit its codec, or bytes are no value of it. */
export class CodecError extends TypeError {
  override name = "CodecError";
}

/** A value in a message: short, and never its insides. */
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
  return typeof name === "string" && name !== "" && name !== "Object" ? `a ${name}` : "an object";
}

/** Copies `bytes` to the beginning of `into`, if there is room; returns how many they are. */
export function copyInto(bytes: Uint8Array, into: Uint8Array): number {
  if (bytes.length <= into.length) into.set(bytes);
  return bytes.length;
}
