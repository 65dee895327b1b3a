/**
 * The form in which a worker reports what foreign code threw: JSON in UTF-8. docs/protocol.md specifies it. JSON keeps
 * every text, with zero bytes and lone surrogates.
 */

import * as v from "../valibot.ts";

/** Raised with every change that an older client would misread. */
export const FAILURE_FORM = 1;
/** The most bytes of a failure. */
export const MAX_FAILURE_BYTES = 64 * 1024;
/** The most values in it: what was thrown, its causes, and the errors of an AggregateError. */
export const MAX_THROWN = 32;
/** The most properties of an error beside those that have a field. */
export const MAX_PROPERTIES = 32;

const thrownSchema = v.object({
  /** The position of the value that it belongs to, and how. The first value, which was thrown, has neither. */
  of: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  as: v.exactOptional(v.picklist(["cause", "error"])),
  /** Left out if the value is no error. */
  name: v.exactOptional(v.string()),
  /** The message of an error; any other value as text. */
  message: v.string(),
  stack: v.exactOptional(v.string()),
  /** In place of `stack`: the part that follows name and message, with which most stacks begin. */
  frames: v.exactOptional(v.string()),
  code: v.exactOptional(v.union([v.string(), v.number()])),
  /** The error's other properties that are plain data, as the JSON of an object. */
  properties: v.exactOptional(v.string()),
  /** The value as JSON, if it is plain data. */
  value: v.exactOptional(v.string()),
});

const failureSchema = v.object({
  form: v.literal(FAILURE_FORM),
  thrown: v.pipe(
    v.array(thrownSchema),
    v.minLength(1),
    v.maxLength(MAX_THROWN),
    v.check((thrown) =>
      thrown.every(({ of, as }, i) =>
        i === 0 ? of === undefined && as === undefined : of! < i && as !== undefined
      )
    ),
  ),
});

/** One value that was thrown, or that belongs to one. */
export type Thrown = v.InferOutput<typeof thrownSchema>;

/**
 * Reads a failure. A hostile executor may have written it: each field is checked.
 *
 * @throws {Error} if it is malformed.
 */
export function parseFailure(bytes: Uint8Array): readonly Thrown[] {
  if (bytes.length > MAX_FAILURE_BYTES) {
    throw new RangeError(`it has ${bytes.length} bytes, ${MAX_FAILURE_BYTES} at most`);
  }
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  return v.parse(failureSchema, JSON.parse(text)).thrown;
}

/**
 * Reads the properties of an error. Names and values may be any.
 *
 * @throws {Error} if they are malformed.
 */
export function parseProperties(text: string): readonly (readonly [string, unknown])[] {
  const properties: unknown = JSON.parse(text);
  if (typeof properties !== "object" || properties === null || Array.isArray(properties)) {
    throw new TypeError("its properties are no object");
  }
  const entries = Object.entries(properties);
  if (entries.length > MAX_PROPERTIES) {
    throw new RangeError(`it has ${entries.length} properties, ${MAX_PROPERTIES} at most`);
  }
  return entries;
}
