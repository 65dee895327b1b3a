/** The tests' package of typed functions. Its type is the type of the clients' calls. */

import {
  arrayOf,
  bytes,
  defineFunction,
  json,
  msgpack,
  nothing,
  struct,
} from "../../../functions.ts";

export const add = defineFunction(
  { input: struct({ a: "f64", b: "f64" }), output: struct({ sum: "f64" }) },
  ({ a, b }) => ({ sum: a + b }),
);

/** Returns a total that may exceed i32, a mistake of its author. */
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

/** Returns a new array instead of its output buffer, which costs one copy. */
export const half = defineFunction(
  { input: arrayOf("f64"), output: arrayOf("f64") },
  (values) => values.map((value) => value / 2),
);

/** Doubles its argument in the slot's own memory, and keeps the buffers for {@linkcode sameBuffers}. */
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

/** Whether `double` used the same buffers: a function of bytes always receives the slot's buffers. */
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
