/** Values that JSON or MessagePack would change without an error are refused, with their path. */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Codec, CodecError, json, msgpack } from "../../../functions.ts";

class Point {
  x = 1;
}
const cycle: Record<string, unknown> = { a: {} };
(cycle.a as Record<string, unknown>).b = [1, cycle];
const deep: unknown[] = [];
for (let i = 0, at = deep; i < 1e5; i++) at.push(at = []);

function refusal(codec: Codec<unknown>, value: unknown): string {
  const into = new Uint8Array(64);
  const { message } = assertThrows(() => codec.encode(value), CodecError);
  assertEquals(assertThrows(() => codec.encodeInto(value, into), CodecError).message, message);
  return message;
}

const REFUSED: [value: unknown, found: string][] = [
  [undefined, ", not undefined"],
  [new Map([[1, 2]]), ", not a Map"],
  [new Set([1]), ", not a Set"],
  [1n, ", not 1n"],
  [Symbol("s"), ", not Symbol(s)"],
  [() => 1, ", not a function"],
  [new Point(), ", not a Point"],
  [new URL("a:b"), ", not a URL"],
  [/x/, ", not a RegExp"],
  [new Error("x"), ", not an Error"],
  [Promise.resolve(), ", not a Promise"],
  [Object(1), ", not a Number"],
  [new ArrayBuffer(1), ", not an ArrayBuffer"],
  [new Float64Array(1), ", not a Float64Array"],
  [{ a: [1, 2, "x", { b: new Map() }] }, " at $.a[3].b, not a Map"],
  [[1, undefined], " at $[1], not undefined"],
  // deno-lint-ignore no-sparse-arrays
  [[1, , 2], " at $[1], not undefined"],
  [{ "not a name": { toJSON: () => 1 } }, ' at $["not a name"].toJSON, not a function'],
  [cycle, " at $.a.b[1], not an object around it"],
  [deep, ", not one that is nested too deeply"],
];
const JSON_ONLY: [value: unknown, found: string][] = [
  [NaN, ", not NaN"],
  [[-Infinity], " at $[0], not -Infinity"],
  [{ at: new Date(0) }, " at $.at, not a Date"],
  [[new Uint8Array(1)], " at $[0], not a Uint8Array"],
];
const MSGPACK_ONLY: [value: unknown, found: string][] = [
  ["a\ud800", ", not a text with a lone surrogate"],
  [{ "\udc00": 1 }, ' at $["\\udc00"], not a property with this name'],
  [JSON.parse('{"a":{"__proto__":1}}'), " at $.a.__proto__, not a property with this name"],
  [{ at: new Date(NaN) }, " at $.at, not a Date"],
];

Deno.test("`json()` refuses what JSON would change, with its path", () => {
  for (const [value, found] of [...REFUSED, ...JSON_ONLY]) {
    assertEquals(refusal(json(), value), `expected a JSON value${found}`);
  }
});

Deno.test("`msgpack()` refuses what MessagePack would change, with its path", () => {
  for (const [value, found] of [...REFUSED, ...MSGPACK_ONLY]) {
    assertEquals(refusal(msgpack(), value), `expected a MessagePack value${found}`);
  }
});

Deno.test("`json()` and `msgpack()` leave out properties that are undefined", () => {
  for (const codec of [json<unknown>(), msgpack<unknown>()]) {
    assertEquals(codec.decode(codec.encode({ a: undefined, b: 1 }).slice()), { b: 1 });
    const shared = [1];
    assertEquals(codec.decode(codec.encode([shared, shared]).slice()), [[1], [1]]);
    assertEquals(codec.decode(codec.encode(Object.create(null)).slice()), {});
  }
});

Deno.test("`json()` and `msgpack()` return every value that they accept", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
    withBoxedValues: true,
    withUnicodeString: false,
  } as fc.ObjectConstraints);
  const kept = (value: unknown): unknown => {
    if (Object.is(value, -0)) return 0; // both formats write it so
    if (Array.isArray(value)) return value.map(kept);
    if (typeof value !== "object" || value === null || value instanceof Date) return value;
    if (value instanceof Uint8Array) return value;
    return Object.fromEntries(
      Object.entries(value).filter(([, each]) => each !== undefined)
        .map(([key, each]) => [key, kept(each)]),
    );
  };
  let accepted = 0;
  for (const codec of [json<unknown>(), msgpack<unknown>()]) {
    fc.assert(
      fc.property(anything, (value) => {
        let encoded: Uint8Array;
        try {
          encoded = codec.encode(value).slice();
        } catch (error) {
          assertEquals((error as Error).name, "CodecError");
          return;
        }
        accepted++;
        assertEquals(codec.decode(encoded), kept(value));
      }),
      { numRuns: 500 },
    );
  }
  assertEquals(accepted > 50, true, `${accepted} of 1000 values were accepted`);
});
