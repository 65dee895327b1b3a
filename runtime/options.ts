/** Checks options by tables: `deno run` checks no types. */

import { levenshteinDistance } from "../std/text.ts";
import { type ByteSize, tryParseBytes } from "./byte_size.ts";

/** Options that 0.2.0 renamed. */
const RENAMED: Readonly<Record<string, string>> = {
  seconds: "termMs, in milliseconds",
  wait: "waitMs, in milliseconds",
};

/** Changes of a text up to which a name counts as misspelled. */
const MISSPELLED = 2;

/** The values that an option may have. */
export interface OptionKind {
  /** With its article, such as "an integer of 1 or more". */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** Whether other values are out of range, so that the error is a RangeError. @default {false} */
  readonly range?: boolean;
}

/** The kind of each option, by name. */
export type OptionTable<T> = Readonly<Record<keyof T, OptionKind>>;

/** Its own check follows. */
export const ANY: OptionKind = { expected: "", accepts: () => true };
export const BOOLEAN: OptionKind = {
  expected: "true or false",
  accepts: (value) => typeof value === "boolean",
};
export const TEXT: OptionKind = {
  expected: "a text",
  accepts: (value) => typeof value === "string",
};
/** Of a resource manager; it is checked further. */
export const ADDRESS: OptionKind = {
  expected: "an address",
  accepts: (value) => typeof value === "string" || value instanceof URL,
};
export const CALLBACK: OptionKind = {
  expected: "a function",
  accepts: (value) => typeof value === "function",
};
export const SIGNAL: OptionKind = {
  expected: "an AbortSignal",
  accepts: (value) => value instanceof AbortSignal,
};
export const BYTES: OptionKind = {
  expected: "a Uint8Array",
  accepts: (value) => value instanceof Uint8Array,
};
/** A time, Infinity included. */
export const DURATION_MS: OptionKind = {
  expected: "milliseconds, 0 or more,",
  accepts: (value) => typeof value === "number" && value >= 0,
  range: true,
};

export function integer(from: number, to: number): OptionKind {
  const accepts = (value: unknown) =>
    Number.isInteger(value) && from <= Number(value) && Number(value) <= to;
  return { expected: `an integer from ${from} to ${to}`, accepts, range: true };
}

/** A {@linkcode ByteSize}. */
export function byteSize(from: number, to: number): OptionKind {
  const accepts = (value: unknown) => {
    if (typeof value !== "number" && typeof value !== "string") return false;
    const bytes = tryParseBytes(value as ByteSize);
    return bytes !== undefined && from <= bytes && bytes <= to;
  };
  return {
    expected: `bytes or a text such as "256MiB", from ${from} to ${to},`,
    accepts,
    range: true,
  };
}

/**
 * Checks the names and values of options. An option that is undefined is left out. Names that are neither misspelled nor
 * renamed are ignored, as the compiler does: a program may pass an object that has more than the options.
 *
 * @param what what cannot be done, such as "take lease".
 * @param table all options.
 * @throws {TypeError} for a name, with the one to use; or for a value of another type, which the message has.
 * @throws {RangeError} for a value that is out of range, which the message has.
 */
export function checkOptions(
  what: string,
  options: object,
  table: Readonly<Record<string, OptionKind>>,
): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${what}: expected an object of options, not ${describe(options)}`);
  }
  for (const name in options) {
    const kind = Object.hasOwn(table, name) ? table[name] : undefined;
    if (kind === undefined) checkName(what, name, table);
    else checkValue(what, name, (options as Record<string, unknown>)[name], kind);
  }
}

function checkValue(
  what: string,
  name: string,
  value: unknown,
  { accepts, expected, range = false }: OptionKind,
): void {
  if (value === undefined || accepts(value)) return;
  const message = `Cannot ${what}: expected ${expected} as ${name}, not ${describe(value)}`;
  throw range ? new RangeError(message) : new TypeError(message);
}

function checkName(what: string, name: string, table: object): void {
  const meant = RENAMED[name] ?? Object.keys(table).find((each) => isNear(name, each));
  if (meant === undefined) return;
  throw new TypeError(`Cannot ${what}: there is no option ${name}, it is named ${meant}`);
}

function isNear(name: string, known: string): boolean {
  return levenshteinDistance(name.toLowerCase(), known.toLowerCase()) <= MISSPELLED;
}

/** A value in a few characters. */
function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "an array" : `an object (${value.constructor?.name ?? "no class"})`;
}
