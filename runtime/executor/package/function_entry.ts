/** What a worker reports of a function: its codecs if it is a typed one, and whether it is a stream. */

import { type FunctionEntry, MAX_CODEC_CHARACTERS, PLAIN } from "../../protocol/manifest.ts";
import { StreamKind, streamKind } from "./stream_kind.ts";
import { SIGNATURE } from "../../functions/signature_mark.ts";

// Bound before foreign code loads.
const TypeFailure = TypeError;

/**
 * Returns the entry of a function in the manifest. The mark of a typed function is foreign: each field is read once and
 * checked.
 *
 * @throws {TypeError} when the mark is malformed.
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
      `Cannot serve ${name}: expected a signature with the strings input and output and the boolean stream`,
    );
  }
  return { name, input, output, stream };
}

function isCodec(text: unknown): text is string {
  return typeof text === "string" && text.length > 0 && text.length <= MAX_CODEC_CHARACTERS;
}
