/**
 * What an executor tells of each function of its package. Types are gone at run time: a client builds its encoders and
 * decoders of this alone.
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
  /** It gives many results, one after the other. */
  readonly stream: boolean;
}

/** One function: its name alone when it takes bytes and gives bytes. */
export type FunctionEntry = string | { readonly name: string } & Signature;

/** The signature of a function that is known by its name alone. */
export const PLAIN: Signature = { input: "bytes", output: "bytes", stream: false };

const codec = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_CODEC_CHARACTERS));

/** Checks the functions that an executor names. */
export const Functions = v.pipe(
  v.array(v.union([
    v.string(),
    v.strictObject({ name: v.string(), input: codec, output: codec, stream: v.boolean() }),
  ])),
  v.maxLength(MAX_FUNCTIONS),
);
