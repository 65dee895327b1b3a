/** The kinds of numbers in memory, by the names that Rust and WebAssembly have for them. */

import { shown } from "./codec.ts";

/** The name of a kind of number: its sign or float, and its bits. */
export type NumberKindName =
  | "i8"
  | "u8"
  | "i16"
  | "u16"
  | "i32"
  | "u32"
  | "i64"
  | "u64"
  | "f16"
  | "f32"
  | "f64";

/** The JavaScript type of a number of this kind. */
export type NumberOf<K extends NumberKindName> = K extends "i64" | "u64" ? bigint : number;

interface NumberKind {
  readonly bytes: number;
  /** Whether a value survives a round trip. Floats round, as assignment to a typed array does. */
  fits(value: unknown): boolean;
  /** The values that fit, in a message. */
  readonly expected: string;
  read(view: DataView, at: number): number | bigint;
  write(view: DataView, at: number, value: never): void;
}

function integer(bits: 8 | 16 | 32, signed: boolean): Pick<NumberKind, "fits" | "expected"> {
  const from = signed ? -(2 ** (bits - 1)) : 0;
  const to = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  return {
    fits: (value) => Number.isInteger(value) && value as number >= from && value as number <= to,
    expected: `an integer from ${from} to ${to}`,
  };
}

function big(signed: boolean): Pick<NumberKind, "fits" | "expected"> {
  const from = signed ? -(2n ** 63n) : 0n;
  const to = signed ? 2n ** 63n - 1n : 2n ** 64n - 1n;
  return {
    fits: (value) => typeof value === "bigint" && value >= from && value <= to,
    expected: `a bigint from ${from}n to ${to}n`,
  };
}

const float: Pick<NumberKind, "fits" | "expected"> = {
  fits: (value) => typeof value === "number",
  expected: "a number",
};

/** All little endian, by their names. */
export const NUMBER_KINDS: { readonly [K in NumberKindName]: NumberKind } = {
  i8: {
    bytes: 1,
    ...integer(8, true),
    read: (view, at) => view.getInt8(at),
    write: (view, at, value) => view.setInt8(at, value),
  },
  u8: {
    bytes: 1,
    ...integer(8, false),
    read: (view, at) => view.getUint8(at),
    write: (view, at, value) => view.setUint8(at, value),
  },
  i16: {
    bytes: 2,
    ...integer(16, true),
    read: (view, at) => view.getInt16(at, true),
    write: (view, at, value) => view.setInt16(at, value, true),
  },
  u16: {
    bytes: 2,
    ...integer(16, false),
    read: (view, at) => view.getUint16(at, true),
    write: (view, at, value) => view.setUint16(at, value, true),
  },
  i32: {
    bytes: 4,
    ...integer(32, true),
    read: (view, at) => view.getInt32(at, true),
    write: (view, at, value) => view.setInt32(at, value, true),
  },
  u32: {
    bytes: 4,
    ...integer(32, false),
    read: (view, at) => view.getUint32(at, true),
    write: (view, at, value) => view.setUint32(at, value, true),
  },
  i64: {
    bytes: 8,
    ...big(true),
    read: (view, at) => view.getBigInt64(at, true),
    write: (view, at, value) => view.setBigInt64(at, value, true),
  },
  u64: {
    bytes: 8,
    ...big(false),
    read: (view, at) => view.getBigUint64(at, true),
    write: (view, at, value) => view.setBigUint64(at, value, true),
  },
  f16: {
    bytes: 2,
    ...float,
    read: (view, at) => view.getFloat16(at, true),
    write: (view, at, value) => view.setFloat16(at, value, true),
  },
  f32: {
    bytes: 4,
    ...float,
    read: (view, at) => view.getFloat32(at, true),
    write: (view, at, value) => view.setFloat32(at, value, true),
  },
  f64: {
    bytes: 8,
    ...float,
    read: (view, at) => view.getFloat64(at, true),
    write: (view, at, value) => view.setFloat64(at, value, true),
  },
};

export function isNumberKind(name: string): name is NumberKindName {
  return Object.hasOwn(NUMBER_KINDS, name);
}

/** The message for a value that is not of this kind. */
export function misfit(kind: NumberKindName, value: unknown): string {
  const { expected } = NUMBER_KINDS[kind];
  return `expected ${kind}, ${expected}, not ${shown(value)}`;
}
