/** What a worker tells of a function: its codecs if it is a typed one, and whether it gives many results. */

import { type FunctionEntry, MAX_CODEC_CHARACTERS, PLAIN } from "../protocol/manifest.ts";
import { StreamKind, streamKind } from "./stream_kind.ts";
import { SIGNATURE } from "../functions/signature_mark.ts";

// Held before foreign code is loaded.
const TypeFailure = TypeError;

/**
 * The entry of a function in the manifest. What it is marked with is foreign: each field is read once and checked.
 *
 * @throws {TypeError} when the mark is none.
 */
export function entryOf(name: string, called: object): FunctionEntry {
  const mark = (called as { readonly [SIGNATURE]?: unknown })[SIGNATURE];
  if (mark === undefined) {
    const stream = streamKind(called) !== StreamKind.NONE;
    return stream ? { name, input: PLAIN.input, output: PLAIN.output, stream } : name;
  }
  const fields = typeof mark === "object" && mark !== null ? mark : {};
  const { input, output, stream } = fields as Record<string, unknown>;
  if (!isCodec(input) || !isCodec(output) || typeof stream !== "boolean") {
    throw new TypeFailure(
      `Cannot serve ${name}: its signature must have the texts input and output and say whether it is a stream`,
    );
  }
  return { name, input, output, stream };
}

function isCodec(text: unknown): text is string {
  return typeof text === "string" && text.length > 0 && text.length <= MAX_CODEC_CHARACTERS;
}
