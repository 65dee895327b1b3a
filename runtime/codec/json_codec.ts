/** JSON: text of whatever JSON can say. */

import { type Codec, CodecError, shown } from "./codec.ts";

/**
 * A value as JSON in UTF-8. The type is the author's word: what comes is not checked against it.
 *
 * @example
 * ```ts
 * import { json } from "./json_codec.ts";
 * json<{ name: string }>().encode({ name: "rfaas" }).length; // 16
 * ```
 */
export function json<T = unknown>(): Codec<T> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const textOf = (value: T): string => {
    let text: string | undefined;
    try {
      text = JSON.stringify(value);
    } catch (error) {
      throw new CodecError(`has no JSON: ${(error as Error).message}`, { cause: error });
    }
    if (text === undefined) throw new CodecError(`must be what JSON can say, not ${shown(value)}`);
    return text;
  };
  return {
    text: "json",
    encode: (value) => encoder.encode(textOf(value)),
    encodeInto: (value, into) => {
      const text = textOf(value);
      const { read, written } = encoder.encodeInto(text, into);
      return read === text.length ? written : encoder.encode(text).length;
    },
    decode: (bytes) => {
      try {
        return JSON.parse(decoder.decode(bytes));
      } catch (error) {
        throw new CodecError(`must be JSON: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}
