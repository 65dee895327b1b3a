/** Structs of numbers, in the layout that C gives the same fields. */

import { type Codec, CodecError, shown } from "./codec.ts";
import {
  isNumberKind,
  misfit,
  NUMBER_KINDS,
  type NumberKindName,
  type NumberOf,
} from "./number_kind.ts";

/** The most fields of a struct. */
export const MAX_FIELDS = 256;
const NAME = /^[A-Za-z_$][\w$]{0,63}$/;

/** The fields of a struct: the kind of each number by its name. */
export type StructFields = Readonly<Record<string, NumberKindName>>;

/** A value of a struct: its numbers by their names. */
export type StructOf<F extends StructFields> = { -readonly [K in keyof F]: NumberOf<F[K]> };

interface Field {
  readonly name: string;
  readonly kind: NumberKindName;
  readonly at: number;
}

/**
 * Makes a codec of structs: numbers by name, little endian, each at a multiple of its own size, as C lays out the same
 * struct.
 *
 * @typeParam F The fields.
 * @param fields The kind of each number by its name, in the order of the layout: 1 to 256 fields.
 * @returns The codec.
 * @throws {TypeError} When there is no field or too many, a name is not an identifier of up to 64 characters, or a kind
 * is unknown.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { struct } from "@rfaas/rfaas/functions";
 *
 * const codec = struct({ id: "u8", price: "f64" });
 * const bytes = codec.encode({ id: 1, price: 9.5 });
 *
 * assertEquals(bytes.length, 16); // the price begins at byte 8
 * assertEquals(codec.decode(bytes), { id: 1, price: 9.5 });
 * ```
 */
export function struct<const F extends StructFields>(fields: F): Codec<StructOf<F>> {
  const { layout, size } = layOut(Object.entries(fields));
  const text = `struct{${layout.map(({ name, kind }) => `${name}:${kind}`).join(",")}}`;
  const names = layout.map(({ name }) => name).join(", ");
  const encodeInto = (value: Record<string, unknown>, into: Uint8Array) => {
    if (typeof value !== "object" || value === null) {
      throw new CodecError(`expected an object with ${names}, not ${shown(value)}`);
    }
    if (into.length < size) return size;
    const view = new DataView(into.buffer, into.byteOffset, size);
    for (const { name, kind, at } of layout) {
      const number = value[name];
      if (!NUMBER_KINDS[kind].fits(number)) {
        throw new CodecError(`field ${name}: ${misfit(kind, number)}`);
      }
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
        throw new CodecError(`expected ${size} bytes of ${text}, not ${bytes.length}`);
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset, size);
      const value: Record<string, unknown> = {};
      for (const { name, kind, at } of layout) value[name] = NUMBER_KINDS[kind].read(view, at);
      return value;
    },
  };
  return codec as unknown as Codec<StructOf<F>>;
}

/** Lays out fields as C does: each is aligned to its size, the struct to its largest field. */
function layOut(fields: readonly (readonly [string, string])[]) {
  if (fields.length === 0 || fields.length > MAX_FIELDS) {
    throw new TypeError(
      `Cannot make struct codec: expected 1 to ${MAX_FIELDS} fields, not ${fields.length}`,
    );
  }
  const layout: Field[] = [];
  let at = 0;
  let alignment = 1;
  for (const [name, kind] of fields) {
    if (!NAME.test(name) || name === "__proto__") {
      throw new TypeError(
        `Cannot make struct codec: expected an identifier as the name of a field, not ${
          shown(name)
        }`,
      );
    }
    if (!isNumberKind(kind)) {
      throw new TypeError(
        `Cannot make struct codec: field ${name}: expected one of ${
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
