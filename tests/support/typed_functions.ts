/** The package of typed functions that tests use; its type is what their clients are checked against. */

import { arrayOf, bytes, defineFunction, json, msgpack, nothing, struct } from "../../functions.ts";

export const add = defineFunction(
  { input: struct({ a: "f64", b: "f64" }), output: struct({ sum: "f64" }) },
  ({ a, b }) => ({ sum: a + b }),
);

/** Sums the digits that its result can't hold: more than i32 has room for is the author's mistake. */
export const overflow = defineFunction(
  { input: struct({ by: "f64" }), output: struct({ total: "i32" }) },
  ({ by }) => ({ total: by }),
);

export const greet = defineFunction(
  { input: json<{ name: string }>(), output: json<{ text: string }>() },
  ({ name }) => ({ text: `hello ${name}` }),
);

export const later = defineFunction(
  { input: json<number>(), output: json<string>() },
  async (ms) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return `after ${ms}`;
  },
);

export const twice = defineFunction(
  {
    input: msgpack<{ part: Uint8Array; at: Date }>(),
    output: msgpack<{ part: Uint8Array; at: Date }[]>(),
  },
  (value) => [value, value],
);

/** Returns what is not the room for its result: one copy. */
export const half = defineFunction(
  { input: arrayOf("f64"), output: arrayOf("f64") },
  (values) => values.map((value) => value / 2),
);

/** The slot's memory, by the numbers of its argument: what it reads and what it fills, and whether they are views. */
export const double = defineFunction(
  { input: arrayOf("f64"), output: arrayOf("f64") },
  (values, { output }) => {
    for (let i = 0; i < values.length; i++) output[i] = 2 * values[i]!;
    seen.input = values.buffer;
    seen.output = output.buffer;
    return output.subarray(0, values.length);
  },
);

const seen: { input?: ArrayBufferLike; output?: ArrayBufferLike } = {};

/** Are these the very buffers that `double` worked on? A function of bytes is given the slot itself. */
export function sameBuffers(input: Uint8Array, output: Uint8Array): number {
  const same = input.buffer === seen.input && output.buffer === seen.output;
  output[0] = same ? 1 : 0;
  return 1;
}

export const reversed = defineFunction(
  { input: bytes(), output: bytes() },
  (value) => value.toReversed(),
);

let calls = 0;
export const count = defineFunction({ input: nothing(), output: json<number>() }, () => ++calls);

export const long = defineFunction(
  { input: json<number>(), output: json<string>() },
  (length) => "é".repeat(length),
);

export function plain(input: Uint8Array, output: Uint8Array): number {
  output.set(input);
  return input.length;
}

export const countTo = defineFunction(
  { input: json<number>(), output: struct({ at: "u32" }) },
  function* (end) {
    for (let at = 0; at < end; at++) yield { at };
  },
);

export const halves = defineFunction(
  { input: arrayOf("f64"), output: arrayOf("f64") },
  async function* (values, { output }) {
    for (let rest = values.slice(); rest.length > 0; rest = rest.subarray(0, rest.length >> 1)) {
      await Promise.resolve();
      output.set(rest);
      yield output.subarray(0, rest.length);
    }
  },
);
