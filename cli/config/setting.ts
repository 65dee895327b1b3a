/** The description of a setting, and the schemas that several settings share. */

import { BYTE_SIZE_PATTERN, tryParseBytes } from "../../runtime/byte_size.ts";
import { className } from "../../runtime/http/api_fields.ts";
import * as v from "../../runtime/valibot.ts";

/** A value of the configuration. */
export interface Setting<S extends v.GenericSchema = v.GenericSchema> {
  /** Checks a value of any origin. */
  readonly schema: S;
  /** What the setting does, in a few words, with its unit. A part of the published schema. */
  readonly description: string;
  /** The default: a function if it depends on the host, undefined if the setting has none. */
  readonly default?: unknown;
  /** The default in words, if it depends on the host. */
  readonly defaultText?: string;
  /** The option of the command that sets it. */
  readonly flag?: `--${string}`;
  /** The environment variable that sets it, if its name is not made from the path. */
  readonly variable?: string;
}

/** Describes a setting and keeps the type of its schema. */
export function setting<S extends v.GenericSchema>(
  schema: S,
  rest: Omit<Setting, "schema">,
): Setting<S> {
  return { schema, ...rest };
}

/** A text of at least one character. */
export const text = v.pipe(v.string(), v.minLength(1));

/** An integer from `min` to `max`. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  return v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
}

/** The range of priorities: enough for others between any two classes. */
const MAX_PRIORITY = 1_000_000;

const EXPECTED_SIZE = 'expected bytes or a size such as "8GiB"';

/** A number of bytes, or a text such as `8GiB`. The output is in bytes. */
export const size = v.pipe(
  v.union([integer(0), v.pipe(v.string(), v.regex(BYTE_SIZE_PATTERN, EXPECTED_SIZE))]),
  // A text that matches the pattern may still be too large.
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const bytes = tryParseBytes(dataset.value);
    if (bytes !== undefined) return bytes;
    addIssue({ message: EXPECTED_SIZE });
    return NEVER;
  }),
);

/** Classes of clients, by name. */
export const classes = v.record(
  className,
  v.strictObject({
    priority: v.exactOptional(integer(-MAX_PRIORITY, MAX_PRIORITY)),
    share: v.exactOptional(v.pipe(v.number(), v.minValue(0.001), v.maxValue(1_000_000))),
    preempts: v.exactOptional(v.boolean()),
    graceSeconds: v.exactOptional(integer(0, 86_400)),
  }),
);

/** An amount of money. The operator chooses the currency. */
export const price = v.pipe(v.number(), v.minValue(0), v.maxValue(1e9));
