/** Structs of numbers: a fixed layout, the one that C gives the same fields. */

import { type Codec, CodecError, shown } from "./codec.ts";
import {
  isNumberKind,
  misfit,
  NUMBER_KINDS,
  type NumberKindName,
  type NumberOf,
} from "./number_kind.ts";

/** Fields of a struct at most. */
export const MAX_FIELDS = 256;
const NAME = /^[A-Za-z_$][\w$]{0,63}$/;

/** The fields of a struct: the kind of number by the name. */
export type StructFields = Readonly<Record<string, NumberKindName>>;

/** The value of a struct. */
export type StructOf<F extends StructFields> = { -readonly [K in keyof F]: NumberOf<F[K]> };

interface Field {
  readonly name: string;
  readonly kind: NumberKindName;
  readonly at: number;
}

/**
 * Numbers under names, little endian, each at a multiple of its own size, as C lays out the same struct.
 *
 * @example
 * ```ts
 * import { struct } from "./struct_codec.ts";
 * struct({ id: "u8", price: "f64" }).encode({ id: 1, price: 9.5 }).length; // 16
 * ```
 *
 * @throws {TypeError} when there is no field, or one has no proper name or kind.
 */
export function struct<const F extends StructFields>(fields: F): Codec<StructOf<F>> {
  const { layout, size } = layOut(Object.entries(fields));
  const text = `struct{${layout.map(({ name, kind }) => `${name}:${kind}`).join(",")}}`;
  const names = layout.map(({ name }) => name).join(", ");
  const encodeInto = (value: Record<string, unknown>, into: Uint8Array) => {
    if (typeof value !== "object" || value === null) {
      throw new CodecError(`must be an object with ${names}, not ${shown(value)}`);
    }
    if (into.length < size) return size;
    const view = new DataView(into.buffer, into.byteOffset, size);
    for (const { name, kind, at } of layout) {
      const number = value[name];
      if (!NUMBER_KINDS[kind].fits(number)) throw new CodecError(`${name} ${misfit(kind, number)}`);
      NUMBER_KINDS[kind].write(view, at, number as never);
    }
    return size;
  };
  const codec: Codec<Record<string, unknown>> = {
    text,
    encodeInto,
    encode: (value) => {
      const bytes = new Uint8Array(size);
      encodeInto(value, bytes);
      return bytes;
    },
    decode: (bytes) => {
      if (bytes.length !== size) {
        throw new CodecError(`must be ${size} bytes of ${text}, not ${bytes.length}`);
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset, size);
      const value: Record<string, unknown> = {};
      for (const { name, kind, at } of layout) value[name] = NUMBER_KINDS[kind].read(view, at);
      return value;
    },
  };
  return codec as unknown as Codec<StructOf<F>>;
}

/** Places fields as C does: each aligned to its size, the whole to the largest. */
function layOut(fields: readonly (readonly [string, string])[]) {
  if (fields.length === 0 || fields.length > MAX_FIELDS) {
    throw new TypeError(
      `Cannot make a struct: it must have 1 to ${MAX_FIELDS} fields, not ${fields.length}`,
    );
  }
  const layout: Field[] = [];
  let at = 0;
  let alignment = 1;
  for (const [name, kind] of fields) {
    if (!NAME.test(name) || name === "__proto__") {
      throw new TypeError(
        `Cannot make a struct: a field must have a name of letters, not ${shown(name)}`,
      );
    }
    if (!isNumberKind(kind)) {
      throw new TypeError(
        `Cannot make a struct: field ${name} must be one of ${
          Object.keys(NUMBER_KINDS).join(", ")
        }, not ${shown(kind)}`,
      );
    }
    const { bytes } = NUMBER_KINDS[kind];
    at = Math.ceil(at / bytes) * bytes;
    layout.push({ name, kind, at });
    at += bytes;
    alignment = Math.max(alignment, bytes);
  }
  return { layout, size: Math.ceil(at / alignment) * alignment };
}
