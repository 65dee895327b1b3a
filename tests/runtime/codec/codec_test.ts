/** Each codec: a value survives a round trip, layouts are those of C, a misfit is refused. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  arrayOf,
  bytes,
  type Codec,
  CodecError,
  json,
  msgpack,
  nothing,
  struct,
} from "../../../functions.ts";
import { codecByText } from "../../../runtime/codec/codec_by_text.ts";

/** Encodes in both ways, and decodes with the codec that the name alone builds. */
function roundTrip<T>(codec: Codec<T>, value: T): T {
  const encoded = codec.encode(value).slice();
  const buffer = new Uint8Array(encoded.length + 3);
  assertEquals(codec.encodeInto(value, buffer), encoded.length);
  assertEquals(buffer.subarray(0, encoded.length), encoded);
  if (encoded.length > 0) {
    const short = new Uint8Array(encoded.length - 1);
    assertEquals(codec.encodeInto(value, short), encoded.length); // the size that it needs
  }
  return codecByText(codec.text)!.decode(encoded) as T;
}

const ELEMENTS = {
  i8: fc.int8Array(),
  u8: fc.uint8Array(),
  u8c: fc.uint8ClampedArray(),
  i16: fc.int16Array(),
  u16: fc.uint16Array(),
  i32: fc.int32Array(),
  u32: fc.uint32Array(),
  i64: fc.bigInt64Array(),
  u64: fc.bigUint64Array(),
  f16: fc.array(fc.double()).map((values) => Float16Array.from(values)),
  f32: fc.float32Array(),
  f64: fc.float64Array(),
};

for (const [kind, arbitrary] of Object.entries(ELEMENTS)) {
  Deno.test(`\`arrayOf("${kind}")\` decodes any array that it encodes`, () => {
    const codec = arrayOf(kind as "f64");
    fc.assert(fc.property(arbitrary as fc.Arbitrary<Float64Array>, (value) => {
      assertEquals(roundTrip(codec, value), value);
    }));
  });
}

Deno.test("`arrayOf()` copies nothing: encoded and decoded arrays are in the same memory", () => {
  const codec = arrayOf("f64");
  const buffer = new ArrayBuffer(64);
  const value = new Float64Array(buffer, 8, 4);
  const encoded = codec.encode(value);
  assert(encoded.buffer === buffer && encoded.byteOffset === 8 && encoded.length === 32);
  const decoded = codec.decode(encoded);
  assert(decoded.buffer === buffer && decoded.byteOffset === 8 && decoded.length === 4);
  // A value that was filled in place is not copied, whatever part of the buffer it has.
  const output = new Uint8Array(buffer, 8, 32);
  const filled = codec.view(output).subarray(0, 2);
  const { set, slice } = Uint8Array.prototype;
  try {
    Uint8Array.prototype.set = Uint8Array.prototype.slice = () => {
      throw new Error("it was copied");
    };
    assertEquals(codec.encodeInto(filled, output), 16);
    assertEquals(bytes().encodeInto(output.subarray(0, 3), output), 3);
  } finally {
    Object.assign(Uint8Array.prototype, { set, slice });
  }
  // Memory at an address that is not aligned for such an array is copied.
  assertEquals(codec.decode(new Uint8Array(buffer, 1, 16)).length, 2);
});

Deno.test("`json()` and `msgpack()` decode any value that they encode", () => {
  const codecs = [json<unknown>(), msgpack<unknown>()];
  fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false } as object), (value) => {
    const text = JSON.stringify(value);
    fc.pre(!text.includes('"__proto__":')); // MessagePack refuses such a key, as tested below
    const plain = JSON.parse(text); // -0 is 0 in JSON
    for (const codec of codecs) assertEquals(roundTrip(codec, plain), plain);
  }));
  const pack = msgpack<unknown>();
  fc.assert(fc.property(fc.uint8Array(), fc.date({ noInvalidDate: true }), (part, at) => {
    assertEquals(roundTrip(pack, { part, at }), { part, at });
  }));
});

Deno.test("`msgpack()` refuses to decode an object with the key `__proto__`", () => {
  const codec = msgpack<unknown>();
  const encoded = codec.encode({ __prot0__: { admin: true } }).slice();
  encoded[encoded.indexOf("0".charCodeAt(0))] = "o".charCodeAt(0);
  assertThrows(() => codec.decode(encoded), CodecError, "not MessagePack: The key __proto__");
});

Deno.test("`msgpack()` decodes bytes into their own memory", () => {
  const codec = msgpack<Uint8Array>();
  const encoded = codec.encode(Uint8Array.of(1, 2)).slice();
  const decoded = codec.decode(encoded);
  encoded.fill(9);
  assertEquals(decoded, Uint8Array.of(1, 2));
});

Deno.test("`bytes()` returns the bytes themselves, `nothing()` returns none", () => {
  fc.assert(fc.property(fc.uint8Array(), (value) => {
    assertEquals(roundTrip(bytes(), value), value);
    assert(bytes().encode(value) === value && bytes().decode(value) === value);
  }));
  assertEquals(roundTrip(nothing(), undefined), undefined);
});

const NUMBERS = {
  i8: fc.integer({ min: -128, max: 127 }),
  u8: fc.integer({ min: 0, max: 255 }),
  i16: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
  u16: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
  i32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  u32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  i64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  f16: fc.double().map(Math.f16round),
  f32: fc.float(),
  f64: fc.double(),
};
const SIZES = { i8: 1, u8: 1, i16: 2, u16: 2, i32: 4, u32: 4, i64: 8, u64: 8, f16: 2, f32: 4 };
const sizeOf = (kind: string) => (SIZES as Record<string, number>)[kind] ?? 8;

const anyStruct = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[A-Za-z_$][\w$]{0,8}$/).filter((name) => name !== "__proto__"),
    kind: fc.constantFrom(...Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]),
  }),
  { minLength: 1, maxLength: 12, selector: ({ name }) => name },
).chain((fields) =>
  fc.record({
    fields: fc.constant(Object.fromEntries(fields.map(({ name, kind }) => [name, kind]))),
    value: fc.record(
      Object.fromEntries(
        fields.map(({ name, kind }) => [name, NUMBERS[kind] as fc.Arbitrary<number | bigint>]),
      ),
      { noNullPrototype: true },
    ),
  })
);

Deno.test("`struct()` decodes any value that it encodes, in the layout of C", () => {
  fc.assert(fc.property(anyStruct, ({ fields, value }) => {
    const codec = struct(fields) as Codec<unknown>;
    assertEquals(roundTrip(codec, value), value);
    // One field set, the others zero: no byte outside of the field is set.
    const zero = Object.fromEntries(
      Object.entries(fields).map((
        [name, kind],
      ) => [name, /64$/.test(kind) && kind !== "f64" ? 0n : 0]),
    );
    let at = 0;
    for (const [name, kind] of Object.entries(fields)) {
      at = Math.ceil(at / sizeOf(kind)) * sizeOf(kind);
      const alone = codec.encode({ ...zero, [name]: value[name] });
      alone.forEach((byte, i) => {
        if (byte !== 0) assert(i >= at && i < at + sizeOf(kind), `${codec.text}: ${name} at ${i}`);
      });
      at += sizeOf(kind);
    }
    const whole = Math.max(...Object.values(fields).map(sizeOf));
    assertEquals(codec.encode(zero).length, Math.ceil(at / whole) * whole);
  }));
});

Deno.test("`struct()` refuses numbers that do not fit, with field and value", () => {
  const misfits: [kind: string, values: unknown[]][] = [
    ["i8", [128, -129, 0.5, NaN, "1", 1n, null, undefined]],
    ["u8", [-1, 256]],
    ["i32", [2 ** 31, -(2 ** 31) - 1, NaN, Infinity]],
    ["u32", [2 ** 32, -1]],
    ["i64", [1, 2n ** 63n, -(2n ** 63n) - 1n]],
    ["u64", [-1n, 2n ** 64n]],
    ["f64", ["1", 1n, null, {}, undefined]],
  ];
  for (const [kind, values] of misfits) {
    const codec = struct({ a: kind as "f64" });
    for (const a of values) {
      const value = { a } as { a: number };
      assertThrows(
        () => codec.encode(value),
        CodecError,
        `field a: expected ${kind}`,
        `${kind} ${String(a)}`,
      );
      assertThrows(() => codec.encodeInto(value, new Uint8Array(8)), CodecError);
    }
  }
  for (
    const fields of [{}, { "a-b": "f64" }, { ["__proto__"]: "f64" }, { a: "x" }, { "": "f64" }]
  ) {
    assertThrows(() => struct(fields as { a: "f64" }), TypeError, "Cannot make struct codec");
  }
  assertThrows(() => arrayOf("x" as "f64"), TypeError, "Cannot make codec");
});

Deno.test("`codecByText()` returns undefined for a text that names no codec", () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string().map((inside) => `struct{${inside}}`),
    fc.string().map((kind) => `${kind}[]`),
  );
  fc.assert(fc.property(texts, (text) => {
    const codec = codecByText(text);
    if (codec) assertEquals(codec.text, text);
  }));
});
