/** What a setting is, and the forms that several have. */

import { parseBytes } from "../../runtime/client/lease_options.ts";
import * as v from "../../runtime/valibot.ts";

/** One value of the configuration. */
export interface Setting<S extends v.GenericSchema = v.GenericSchema> {
  /** Checks a value, wherever it comes from. */
  readonly schema: S;
  /** What it does, in a few words, with its unit. Stands in the published schema. */
  readonly does: string;
  /** What holds if nobody says anything; a function where it depends on the host. Left out: not set. */
  readonly standard?: unknown;
  /** The default in words, where it depends on the host. */
  readonly standardIs?: string;
  /** The command's option that sets it. */
  readonly flag?: `--${string}`;
  /** The variable that sets it, where it has another name than its path gives. */
  readonly variable?: string;
}

/** Keeps the type of the schema. */
export function setting<S extends v.GenericSchema>(
  schema: S,
  rest: Omit<Setting, "schema">,
): Setting<S> {
  return { schema, ...rest };
}

/** A text that is not empty. */
export const text = v.pipe(v.string(), v.minLength(1));

/** A whole number of at least `least`. */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER) {
  return v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
}

/** Bytes, or a text such as `8GiB`; read as bytes. */
export const size = v.pipe(
  v.union([
    whole(0),
    v.pipe(
      v.string(),
      v.regex(/^\d+(\.\d+)?\s*([KMGkmg]?i?[Bb])?$/, 'expected bytes or a size such as "8GiB"'),
    ),
  ]),
  v.transform((given) => parseBytes(given, "size")),
);

/** An amount of money, in whatever currency. */
export const price = v.pipe(v.number(), v.minValue(0), v.maxValue(1e9));
