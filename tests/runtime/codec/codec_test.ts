/** Each codec by itself: any value comes back, layouts are those of C, what does not fit is refused. */

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
} from "../../../functions.ts";
import { struct } from "../../../functions.ts";
import { codecByText } from "../../../runtime/codec/codec_by_text.ts";

/** Encodes in both ways, decodes with the codec that the name alone gives. */
function roundTrip<T>(codec: Codec<T>, value: T): T {
  const encoded = codec.encode(value).slice();
  const room = new Uint8Array(encoded.length + 3);
  assertEquals(codec.encodeInto(value, room), encoded.length);
  assertEquals(room.subarray(0, encoded.length), encoded);
  if (encoded.length > 0) {
    const short = new Uint8Array(encoded.length - 1);
    assertEquals(codec.encodeInto(value, short), encoded.length); // tells how much room it needs
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
  Deno.test(`arrayOf("${kind}") gives any array back`, () => {
    const codec = arrayOf(kind as "f64");
    fc.assert(fc.property(arbitrary as fc.Arbitrary<Float64Array>, (value) => {
      assertEquals(roundTrip(codec, value), value);
    }));
  });
}

Deno.test("arrayOf() copies nothing: encoded and decoded lie in the same memory", () => {
  const codec = arrayOf("f64");
  const buffer = new ArrayBuffer(64);
  const value = new Float64Array(buffer, 8, 4);
  const encoded = codec.encode(value);
  assert(encoded.buffer === buffer && encoded.byteOffset === 8 && encoded.length === 32);
  const decoded = codec.decode(encoded);
  assert(decoded.buffer === buffer && decoded.byteOffset === 8 && decoded.length === 4);
  // Filled in place: it is there already, whatever part of the room it takes.
  const room = new Uint8Array(buffer, 8, 32);
  const filled = codec.view(room).subarray(0, 2);
  const { set, slice } = Uint8Array.prototype;
  try {
    Uint8Array.prototype.set = Uint8Array.prototype.slice = () => {
      throw new Error("it was copied");
    };
    assertEquals(codec.encodeInto(filled, room), 16);
    assertEquals(bytes().encodeInto(room.subarray(0, 3), room), 3);
  } finally {
    Object.assign(Uint8Array.prototype, { set, slice });
  }
  // Memory that no such array could lie in is copied.
  assertEquals(codec.decode(new Uint8Array(buffer, 1, 16)).length, 2);
});

Deno.test("json() and msgpack() give any value back", () => {
  const codecs = [json<unknown>(), msgpack<unknown>()];
  fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false } as object), (value) => {
    const plain = JSON.parse(JSON.stringify(value)); // -0 is 0 in JSON
    for (const codec of codecs) assertEquals(roundTrip(codec, plain), plain);
  }));
  const pack = msgpack<unknown>();
  fc.assert(fc.property(fc.uint8Array(), fc.date({ noInvalidDate: true }), (part, at) => {
    assertEquals(roundTrip(pack, { part, at }), { part, at });
  }));
});

Deno.test("what msgpack() decodes has memory of its own", () => {
  const codec = msgpack<Uint8Array>();
  const encoded = codec.encode(Uint8Array.of(1, 2)).slice();
  const decoded = codec.decode(encoded);
  encoded.fill(9);
  assertEquals(decoded, Uint8Array.of(1, 2));
});

Deno.test("bytes() is the bytes themselves, nothing() is none", () => {
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

Deno.test("struct() gives any value back, at the places where C puts it", () => {
  fc.assert(fc.property(anyStruct, ({ fields, value }) => {
    const codec = struct(fields) as Codec<unknown>;
    assertEquals(roundTrip(codec, value), value);
    // Each field alone, the others zero: its bytes lie in its own place only.
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

Deno.test("struct() refuses numbers that do not fit, by field and value", () => {
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
        `a must be ${kind}`,
        `${kind} ${String(a)}`,
      );
      assertThrows(() => codec.encodeInto(value, new Uint8Array(8)), CodecError);
    }
  }
  for (
    const fields of [{}, { "a-b": "f64" }, { ["__proto__"]: "f64" }, { a: "x" }, { "": "f64" }]
  ) {
    assertThrows(() => struct(fields as { a: "f64" }), TypeError, "Cannot make a struct");
  }
  assertThrows(() => arrayOf("x" as "f64"), TypeError, "Cannot make a codec");
});

Deno.test("codecByText() gives undefined for any text that names no codec", () => {
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
