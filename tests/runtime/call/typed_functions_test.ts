/** Typed functions end to end, in real executors, and calls that the compiler rejects. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ArgumentTooLongError,
  CodecError,
  FunctionError,
  type Lease,
  LeaseRefusedError,
  ResultTooLongError,
  UnknownCodecError,
  UnknownFunctionError,
} from "../../../mod.ts";
import { bundleModule } from "../../../runtime/package/bundle.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";

type Functions = typeof import("../../support/functions/typed_functions.ts");

const functions = await bundleModule(
  new URL("../../support/functions/typed_functions.ts", import.meta.url),
);

async function startTyped() {
  const held = await startLease({ functions, maxBytes: "2MiB" });
  return { ...held, lease: held.lease as Lease<Functions> };
}

Deno.test("`lease.call` sends and returns values by the codecs of each function", async () => {
  await using held = await startTyped();
  const { lease } = held;
  assertEquals(await lease.call.add({ a: 1.5, b: 2 }), { sum: 3.5 });
  assertEquals(await lease.call.greet({ name: "wörld" }), { text: "hello wörld" });
  assertEquals(await lease.call.later(3), "after 3");
  const value = { part: Uint8Array.of(1, 2), at: new Date(1000) };
  assertEquals(await lease.call.twice(value), [value, value]);
  assertEquals(await lease.call.half(Float64Array.of(1, NaN)), Float64Array.of(0.5, NaN));
  assertEquals(await lease.call.reversed(Uint8Array.of(1, 2)), Uint8Array.of(2, 1));
  const before = await lease.call.count(undefined, { worker: 0 });
  assertEquals(await lease.call.count(undefined, { worker: 0 }), before + 1);
  assertEquals(await lease.call.plain(Uint8Array.of(7)), Uint8Array.of(7));
});

Deno.test("a Float64Array of 1 MiB travels in the slot's memory", async () => {
  await using held = await startTyped();
  const { lease } = held;
  const values = new Float64Array(2 ** 17).map((_, i) => i);
  const result = await lease.call.double(values, { worker: 0 });
  assertEquals(result, values.map((value) => 2 * value));
  // With no call in flight, the slot that was released last is acquired. An argument of 200 bytes is not in its line.
  assertEquals(
    await lease.invoke("sameBuffers", new Uint8Array(200), { worker: 0 }),
    Uint8Array.of(1),
  );
});

Deno.test("a prepared call of arrays works on the slot's memory", async () => {
  await using held = await startTyped();
  const { lease } = held;
  using call = lease.call.double.prepare({ elements: 4, resultElements: 4, worker: 0 });
  assertEquals([call.input.length, call.output.length], [4, 4]);
  const { input } = call;
  for (let round = 1; round <= 3; round++) {
    input.set([round, 2 * round, NaN, 4]);
    assertEquals(call.invokeSync(3), 3);
    assertEquals(call.output.subarray(0, 3), Float64Array.of(2 * round, 4 * round, NaN));
  }
  assertEquals(await call.invoke(), 4);
  assertEquals(call.output[3], 8);
  // One memory, as elements and as bytes.
  assert(call.input === input && input.buffer === call.bytes.input.buffer);
  assertThrows(() => call.invokeSync(5), ArgumentTooLongError);
  using raw = lease.call.reversed.prepare({ elements: 2 });
  raw.input.set([1, 2]);
  assertEquals([raw.invokeSync(), ...raw.output.subarray(0, 2)], [2, 2, 1]);
  for (const elements of ["4", -1, 1.5, NaN, null]) {
    const prepare = () => lease.call.reversed.prepare({ elements } as never);
    assertThrows(prepare, RangeError, "as elements, not");
  }
  assertThrows(() => lease.call.reversed.prepare({ element: 2 } as never), TypeError, "elements");
  assertThrows(() => lease.call.reversed.prepare(null as never), TypeError, "an object of options");
  const { add } = lease.call as unknown as { add: { prepare(): unknown } };
  assertThrows(() => add.prepare(), TypeError, "expected typed arrays, not");
});

Deno.test("a function package bundles no more of functions.ts than it uses", async () => {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const from = new URL("../../../functions.ts", import.meta.url);
    await Deno.writeTextFile(
      entry,
      `import { defineFunction, struct } from ${JSON.stringify(from.href)};
       export const add = defineFunction({ input: struct({ a: "f64" }), output: struct({ b: "f64" }) }, ({ a }) => ({ b: a }));`,
    );
    const bundled = await bundleModule(new URL(`file://${entry}`));
    const text = new TextDecoder().decode(bundled);
    assert(bundled.length < 16_384, `${bundled.length} bytes`);
    for (const foreign of ["msgpack", "valibot", "Deno."]) {
      assert(!text.includes(foreign), foreign);
    }
  } finally {
    await Deno.remove(entry);
  }
});

Deno.test("a value that does not fit is refused before the call, with function, field and value", async () => {
  await using held = await startTyped();
  const { lease } = held;
  const call = lease.call as unknown as Record<string, (value: unknown) => Promise<unknown>>;
  const wrong: [name: string, value: unknown, message: string][] = [
    [
      "add",
      { a: 1, b: "2" },
      'Cannot encode argument of add: field b: expected f64, a number, not "2"',
    ],
    ["add", null, "Cannot encode argument of add: expected an object with a, b, not null"],
    ["half", [1], "Cannot encode argument of half: expected a Float64Array, not an array"],
    ["half", new Float32Array(1), "expected a Float64Array, not a Float32Array"],
    [
      "greet",
      undefined,
      "Cannot encode argument of greet: expected a JSON value, not undefined",
    ],
    ["greet", 1n, "Cannot encode argument of greet: expected a JSON value, not 1n"],
    [
      "twice",
      Symbol.iterator,
      "Cannot encode argument of twice: expected a MessagePack value, not Symbol",
    ],
    ["reversed", "text", "expected a Uint8Array"],
  ];
  for (const [name, value, message] of wrong) {
    const error = await assertRejects(() => call[name]!(value), CodecError, message);
    assert(error instanceof TypeError);
  }
  await assertRejects(
    () => lease.call.half(new Float64Array(2 ** 18 + 1)),
    ArgumentTooLongError,
    "Cannot call half: the argument has 2097160 bytes, the lease's maxBytes is 2097152",
  );
});

Deno.test("a value that does not fit at the executor is a FunctionError with field and value", async () => {
  await using held = await startTyped();
  const { lease } = held;
  for (const by of [NaN, 0.5, 2 ** 31]) {
    const error = await assertRejects(() => lease.call.overflow({ by }), FunctionError);
    assertEquals(error.remoteName, "CodecError");
    assertStringIncludes(
      error.message,
      `overflow threw CodecError: Cannot encode result: field total: expected i32, an integer from -2147483648 to 2147483647, not ${by}`,
    );
  }
  await assertRejects(
    () => lease.invoke("add", new Uint8Array(3)),
    FunctionError,
    "Cannot decode argument: expected 16 bytes of struct{a:f64,b:f64}, not 3",
  );
  await assertRejects(
    () => lease.invoke("half", new Uint8Array(9)),
    FunctionError,
    "expected whole elements of 8 bytes",
  );
  await assertRejects(
    () => lease.invoke("greet", Uint8Array.of(0xff)),
    FunctionError,
    "CodecError",
  );
  // Two bytes a character: the message has the number of bytes.
  await assertRejects(() => lease.call.long(2 ** 20), ResultTooLongError, "it has 2097154 bytes");
});

Deno.test("`lease.call` lists its functions and refuses other names", async () => {
  await using held = await startTyped();
  const { lease } = held;
  const call = lease.call as unknown as Record<string, unknown>;
  assertEquals(Object.keys(call).sort(), [...lease.functions].sort());
  assert("add" in call && !("sub" in call));
  try {
    call.sub;
    throw new Error("no error was thrown");
  } catch (error) {
    assert(error instanceof UnknownFunctionError, `${error}`);
  }
  assertEquals(call.then, undefined);
});

Deno.test("a signature that is not valid is refused at the lease, an unknown codec at the call", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const mark = (fields: string) =>
    packageOf(`
      export const f = Object.assign((input, output) => 0, { [Symbol.for("rfaas.function")]: ${fields} });
      export const ok = () => 0;
    `);
  const bad = [
    "1",
    "null",
    "{ input: 'json', output: 'json' }",
    "{ input: 1, output: 'json', stream: false }",
    "{ input: '', output: 'json', stream: false }",
    "{ input: 'x'.repeat(40000), output: 'json', stream: false }",
    "{ input: 'json', output: 'json', stream: 'no' }",
    "{ get input() { throw new RangeError('caught you') } }",
  ];
  for (const fields of bad) {
    const error = await assertRejects(
      () => client.lease({ functions: mark(fields) }),
      LeaseRefusedError,
      fields.startsWith("{ get") ? "caught you" : "Cannot serve f: expected a signature",
      fields,
    );
    assertEquals((error as LeaseRefusedError).reason, "bad-package");
  }
  const unknown = [
    "zstd",
    "f64[][]",
    "x8[]",
    "struct{}",
    "struct{a:f64,a:f64}",
    "struct{a:x}",
    "struct{__proto__:f64}",
    "constructor",
    "toString[]",
  ];
  // One bad function does not affect the rest of the package.
  const marked = unknown.flatMap((text) => [[text, "json"], ["json", text]]).map((
    [input, output],
    i,
  ) =>
    `export const f${i} = Object.assign(() => 0, { [Symbol.for("rfaas.function")]:
      ${JSON.stringify({ input, output, stream: false })} });`
  );
  await using lease = await client.lease<Record<string, Functions["greet"]>>({
    functions: packageOf(`${marked.join("\n")} export const ok = () => 0;`),
  });
  for (let i = 0; i < marked.length; i++) {
    const error = assertThrows(() => lease.call[`f${i}`], UnknownCodecError);
    assertStringIncludes(error.message, JSON.stringify(unknown[i >> 1]!));
    assertStringIncludes(
      error.message,
      i % 2 === 0 ? "its argument has codec" : "its result has codec",
    );
  }
  assertEquals((await lease.invoke("ok", new Uint8Array())).length, 0);
});

Deno.test("a result that does not fit its codec is refused with the function's name", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const fake = (output: string, bytes: number[]) =>
    `Object.assign((_, output) => (output.set([${bytes}]), ${bytes.length}), {
      [Symbol.for("rfaas.function")]: { input: "nothing", output: "${output}", stream: false } })`;
  const forged = packageOf(`
    export const text = ${fake("json", [123])};
    export const array = ${fake("i32[]", [1, 2, 3])};
    export const fields = ${fake("struct{a:u8}", [1, 2])};
    export const pack = ${fake("msgpack", [0xc1])};
    export const none = ${fake("nothing", [1])};
  `);
  await using lease = await client.lease<Record<string, Functions["count"]>>({ functions: forged });
  for (
    const [name, message] of [
      ["text", "not JSON"],
      ["array", "expected whole elements of 4 bytes, not 3 bytes"],
      ["fields", "expected 1 bytes of struct{a:u8}, not 2"],
      ["pack", "not MessagePack"],
      ["none", "expected no bytes, not 1"],
    ] as const
  ) {
    await assertRejects(
      () => lease.call[name]!(),
      FunctionError,
      `Cannot decode result of ${name}: ${message}`,
    );
  }
});

/** Never runs: this file type-checks only if each wrong line is an error of the compiler. */
export async function checkedByTheCompiler(lease: Lease<Functions>): Promise<void> {
  const { sum } = await lease.call.add({ a: 1, b: 2 });
  sum satisfies number;
  (await lease.call.twice({ part: new Uint8Array(), at: new Date() }))[0]?.at satisfies
    | Date
    | undefined;
  (await lease.call.double(new Float64Array())) satisfies Float64Array;
  (await lease.call.later(1, { deadlineMs: 5 })) satisfies string;
  (await lease.call.plain(new Uint8Array())) satisfies Uint8Array;
  (await lease.call.count()) satisfies number;
  lease.call.double.prepare().input satisfies Float64Array;
  // @ts-expect-error: a struct is copied
  lease.call.add.prepare;
  // @ts-expect-error: a field is missing
  await lease.call.add({ a: 1 });
  // @ts-expect-error: a field is not a number
  await lease.call.add({ a: 1, b: "2" });
  // @ts-expect-error: no such function
  await lease.call.subtract({ a: 1, b: 2 });
  // @ts-expect-error: another array
  await lease.call.double(new Float32Array());
  // @ts-expect-error: the result is a number
  (await lease.call.count()).length;
  // @ts-expect-error: the result has no such field
  (await lease.call.add({ a: 1, b: 2 })).total;
  // @ts-expect-error: it has no argument
  await lease.call.count(1);
  // @ts-expect-error: bytes alone
  await lease.call.plain("text");
  lease satisfies Lease; // a function of any lease accepts this one
}
