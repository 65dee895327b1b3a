/** The codec that a manifest names. */

import { arrayOf, isElementKind } from "./array_codec.ts";
import { bytes, nothing } from "./bytes_codec.ts";
import type { Codec } from "./codec.ts";
import { json } from "./json_codec.ts";
import { msgpack } from "./msgpack_codec.ts";
import { struct, type StructFields } from "./struct_codec.ts";

const PLAIN: Record<string, () => Codec<unknown>> = {
  bytes,
  json,
  msgpack,
  nothing: nothing as () => Codec<unknown>,
};

/**
 * Builds the codec of a name.
 *
 * @returns The codec, or `undefined` when this version has none of that name.
 */
export function codecByText(text: string): Codec<unknown> | undefined {
  if (Object.hasOwn(PLAIN, text)) return PLAIN[text]!();
  if (text.endsWith("[]")) {
    const kind = text.slice(0, -2);
    return isElementKind(kind) ? arrayOf(kind) as Codec<unknown> : undefined;
  }
  const inside = /^struct\{(.*)\}$/.exec(text)?.[1];
  if (inside === undefined) return undefined;
  const fields = inside.split(",").map((field) => field.split(":") as [string, string]);
  const names = new Set(fields.map(([name]) => name));
  try {
    const codec = struct(Object.fromEntries(fields) as StructFields) as Codec<unknown>;
    // A layout that differs from the named one would misread every field.
    return codec.text === text && names.size === fields.length ? codec : undefined;
  } catch {
    return undefined;
  }
}
