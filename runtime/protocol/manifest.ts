/**
 * An executor's description of each function of its package. There are no types at run time: a client builds its encoders
 * and decoders from this alone.
 */

import * as v from "../valibot.ts";
import { MAX_FUNCTIONS } from "./wire.ts";

/** The longest name of a codec; a struct names its fields. */
export const MAX_CODEC_CHARACTERS = 32_768;

/** How a function's argument and result are written as bytes. */
export interface Signature {
  /** Names of codecs. */
  readonly input: string;
  readonly output: string;
  /** Whether it returns many results, one after the other. */
  readonly stream: boolean;
}

/** One function: its name alone if it takes bytes and returns bytes. */
export type FunctionEntry = string | { readonly name: string } & Signature;

/** The signature of a function that has a name alone. */
export const PLAIN: Signature = { input: "bytes", output: "bytes", stream: false };

const codec = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_CODEC_CHARACTERS));

/** Checks the functions of an executor. */
export const functionsSchema = v.pipe(
  v.array(v.union([
    v.string(),
    v.strictObject({ name: v.string(), input: codec, output: codec, stream: v.boolean() }),
  ])),
  v.maxLength(MAX_FUNCTIONS),
);
