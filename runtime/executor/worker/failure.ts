/**
 * Reports what foreign code threw, in the form of runtime/protocol/failure.ts. A thrown value is foreign: its getters may
 * throw, return anything, and differ from one reading to the next, so each is read once. All that is called here was
 * bound before foreign code could replace it, and objects without a prototype hide from `Object.prototype.toJSON`.
 */

import { ByteView } from "../../../ffi/intrinsics.ts";
import { dataProperties, propertiesText, type Property } from "./data_properties.ts";
import { plainJson } from "./plain_json.ts";
import { withoutRuntimeFrames } from "../context/runtime_frames.ts";
import { FAILURE_FORM, MAX_FAILURE_BYTES, MAX_THROWN } from "../../protocol/failure.ts";

const call = Function.prototype.call;
const encodeInto: (
  encoder: TextEncoder,
  text: string,
  into: Uint8Array,
) => { read: number; written: number } = call.bind(TextEncoder.prototype.encodeInto);
const slice: (text: string, from: number, to: number) => string = call.bind(String.prototype.slice);
const toText = String;
const stringify = JSON.stringify;
const isArray = Array.isArray;
const isError = (Error as unknown as { isError(value: unknown): boolean }).isError;
const isFinite = Number.isFinite;
const setPrototypeOf = Object.setPrototypeOf;
const inspect = Deno.inspect;
const encoder = new TextEncoder();

const UNSHOWABLE = "a value that cannot be shown";
/** The most characters of a text, before it is cut to make the whole fit. */
const MAX_CHARACTERS = 16 * 1024;
/** No text is cut to less. One value with such texts fits into the smallest slot. */
const MIN_CHARACTERS = 16;
const SHOWN = Object.assign(Object.create(null), {
  depth: 2,
  iterableLimit: 8,
  strAbbreviateSize: 1000,
  breakLength: Infinity,
}) as Deno.InspectOptions;

/** A value of the report, as it was read. */
interface Found {
  readonly thrown: unknown;
  readonly of: number | undefined;
  readonly as: "cause" | "error" | undefined;
  readonly name: string | undefined;
  readonly message: string;
  readonly stack: string | undefined;
  readonly frames: string | undefined;
  readonly code: string | number | undefined;
  readonly properties: readonly Property[];
  readonly value: string | undefined;
}

/** The parts that a value has not, unless it is an error. */
const NO_ERROR = {
  name: undefined,
  stack: undefined,
  frames: undefined,
  code: undefined,
  properties: [],
};

/**
 * Writes the report into `buffer`, from byte `at`, cut to `length` bytes.
 *
 * @returns the number of bytes written.
 */
export function writeFailure(
  thrown: unknown,
  buffer: ArrayBuffer,
  at: number,
  length: number,
): number {
  const limit = length < MAX_FAILURE_BYTES ? length : MAX_FAILURE_BYTES;
  const view = new ByteView(buffer, at, limit);
  const all = collect(thrown);
  let count = all.length;
  let characters = MAX_CHARACTERS;
  for (;;) {
    const text = report(all, count, characters);
    const { read, written } = encodeInto(encoder, text, view);
    if (read === text.length) return written;
    if (characters > MIN_CHARACTERS) characters >>>= 1;
    // The last values are the deepest causes.
    if (characters <= 1024) count = (count + 1) >>> 1;
  }
}

/** Returns the report as a text of at most `bytes` bytes. */
export function failureText(thrown: unknown, bytes: number): string {
  const buffer = new ByteView(bytes);
  const length = writeFailure(thrown, buffer.buffer as ArrayBuffer, 0, bytes);
  return decode(decoder, new ByteView(buffer.buffer, 0, length));
}
const decoder = new TextDecoder();
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = call.bind(
  TextDecoder.prototype.decode,
);

/** Reads the value and what belongs to it, breadth first, each value once. */
function collect(thrown: unknown): Found[] {
  const all: Found[] = [read(thrown, undefined, undefined)];
  for (let i = 0; i < all.length && all.length < MAX_THROWN; i++) {
    const each = all[i]!;
    if (each.name === undefined) continue;
    const cause = property(each.thrown, "cause");
    if (cause !== undefined && !has(all, cause)) all[all.length] = read(cause, i, "cause");
    const errors = property(each.thrown, "errors");
    try {
      if (!isArray(errors)) continue;
      const { length } = errors;
      for (let j = 0; j < length && all.length < MAX_THROWN; j++) {
        const error: unknown = errors[j];
        if (!has(all, error)) all[all.length] = read(error, i, "error");
      }
    } catch { /* a proxy whose traps throw */ }
  }
  return all;
}

/** Whether an object is among them: causes may be cyclic. */
function has(all: readonly Found[], thrown: unknown): boolean {
  if (typeof thrown !== "object" || thrown === null) return false;
  for (let i = 0; i < all.length; i++) if (all[i]!.thrown === thrown) return true;
  return false;
}

function read(thrown: unknown, of: number | undefined, as: Found["as"]): Found {
  const message = property(thrown, "message");
  const value = plainJson(thrown);
  if (typeof message !== "string" && !isError(thrown)) {
    const text = show(thrown);
    return { thrown, of, as, ...NO_ERROR, message: text, value };
  }
  const code = property(thrown, "code");
  const name = textOf(property(thrown, "name")) || "thrown";
  const text = textOf(message);
  const foreignStack = property(thrown, "stack");
  const stack = typeof foreignStack === "string" ? withoutRuntimeFrames(foreignStack) : "";
  const head = `${name}: ${text}\n`;
  const isUsual = slice(stack, 0, head.length) === head;
  return {
    thrown,
    of,
    as,
    name,
    message: text,
    stack: isUsual ? undefined : stack,
    frames: isUsual ? slice(stack, head.length - 1, stack.length) : undefined,
    code: typeof code === "string" || isFinite(code) ? code as string | number : undefined,
    properties: value === undefined ? dataProperties(thrown) : [],
    value,
  };
}

/** Reads a property of a thrown value. A getter may throw. */
function property(
  thrown: unknown,
  name: "name" | "message" | "stack" | "code" | "cause" | "errors",
): unknown {
  try {
    return (thrown as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  if (value === undefined) return "";
  try {
    return toText(value);
  } catch {
    return UNSHOWABLE;
  }
}

function show(thrown: unknown): string {
  try {
    return withoutRuntimeFrames(inspect(thrown, SHOWN));
  } catch {
    return UNSHOWABLE;
  }
}

/** Returns the JSON of the first `count` values, with each text cut to `characters`. */
function report(all: readonly Found[], count: number, characters: number): string {
  const cut = (text: string | undefined) =>
    text === undefined || text.length <= characters ? text : `${slice(text, 0, characters)}…`;
  const thrown: unknown[] = [];
  for (let i = 0; i < count; i++) {
    const { of, as, name, message, stack, frames, code, properties, value } = all[i]!;
    // A number is short. JSON that is cut could not be parsed.
    thrown[i] = {
      __proto__: null,
      of,
      as,
      name: cut(name),
      message: cut(message),
      stack: cut(stack),
      frames: cut(frames),
      code: typeof code === "string" ? cut(code) : code,
      properties: propertiesText(properties, characters),
      value: value !== undefined && value.length <= characters ? value : undefined,
    };
  }
  setPrototypeOf(thrown, null);
  return stringify({ __proto__: null, form: FAILURE_FORM, thrown });
}
