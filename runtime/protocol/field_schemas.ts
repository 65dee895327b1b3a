/** Schemas of fields that several messages have. */

import * as v from "../valibot.ts";

export const naturalSchema = v.pipe(v.number(), v.integer(), v.minValue(0));

/** A duration in milliseconds. */
export const durationSchema = v.pipe(v.number(), v.minValue(0));

/** 16 random bytes as hex. */
export const secretSchema = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
