/** Typed functions end to end, in real executors; and what the compiler says of calls that are wrong. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ArgumentTooLong,
  CodecError,
  FunctionError,
  type Lease,
  LeaseRefused,
  ResultTooLong,
  UnknownCodec,
  UnknownFunction,
} from "../../../mod.ts";
import { bundleModule } from "../../../runtime/package/bundle.ts";
import { startCluster } from "../../support/cluster.ts";
import { startLease } from "../../support/cluster_lease.ts";
import { packageOf } from "../../support/functions_package.ts";

type Functions = typeof import("../../support/typed_functions.ts");

const functions = await bundleModule(new URL("../../support/typed_functions.ts", import.meta.url));

async function startTyped() {
  const held = await startLease({ functions, maxBytes: "2MiB" });
  return { ...held, lease: held.lease as Lease<Functions> };
}

Deno.test("lease.call sends and gives values as each codec says", async () => {
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

Deno.test("a Float64Array of 1 MiB goes in and out on the slot's own memory", async () => {
  await using held = await startTyped();
  const { lease } = held;
  const values = new Float64Array(2 ** 17).map((_, i) => i);
  const result = await lease.call.double(values, { worker: 0 });
  assertEquals(result, values.map((value) => 2 * value));
  // Whoever has no other call under way gets the slot that was given back last.
  assertEquals(
    await lease.invoke("sameBuffers", new Uint8Array(), { worker: 0 }),
    Uint8Array.of(1),
  );
});

Deno.test("a prepared call of arrays works on the slot, as elements of its type", async () => {
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
  // One memory, whatever it is seen as.
  assert(call.input === input && input.buffer === call.bytes.input.buffer);
  assertThrows(() => call.invokeSync(5), ArgumentTooLong);
  using raw = lease.call.reversed.prepare({ elements: 2 });
  raw.input.set([1, 2]);
  assertEquals([raw.invokeSync(), ...raw.output.subarray(0, 2)], [2, 2, 1]);
  const { add } = lease.call as unknown as { add: { prepare(): unknown } };
  assertThrows(() => add.prepare(), TypeError, "is copied, only typed arrays are not");
});

Deno.test("the package of an author holds what it uses of functions.ts, and no more", async () => {
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

Deno.test("a value that does not fit is told before it is sent, by function, field and value", async () => {
  await using held = await startTyped();
  const { lease } = held;
  const call = lease.call as unknown as Record<string, (value: unknown) => Promise<unknown>>;
  const wrong: [name: string, value: unknown, message: string][] = [
    ["add", { a: 1, b: "2" }, 'Cannot call add: the argument b must be f64, a number, not "2"'],
    ["add", null, "Cannot call add: the argument must be an object with a, b, not null"],
    ["half", [1], "Cannot call half: the argument must be a Float64Array, not an array"],
    ["half", new Float32Array(1), "must be a Float64Array, not a Float32Array"],
    [
      "greet",
      undefined,
      "Cannot call greet: the argument must be what JSON can say, not undefined",
    ],
    ["greet", 1n, "Cannot call greet: the argument has no JSON"],
    ["twice", Symbol.iterator, "Cannot call twice: the argument has no MessagePack"],
    ["reversed", "text", "must be a Uint8Array"],
  ];
  for (const [name, value, message] of wrong) {
    const error = await assertRejects(() => call[name]!(value), CodecError, message);
    assert(error instanceof TypeError);
  }
  await assertRejects(
    () => lease.call.half(new Float64Array(2 ** 18 + 1)),
    ArgumentTooLong,
    "Cannot call half: the argument has 2097160 bytes, the lease's maxBytes is 2097152",
  );
});

Deno.test("what does not fit at the executor is a FunctionError that says what it was", async () => {
  await using held = await startTyped();
  const { lease } = held;
  for (const by of [NaN, 0.5, 2 ** 31]) {
    const error = await assertRejects(() => lease.call.overflow({ by }), FunctionError);
    assertEquals(error.remoteName, "CodecError");
    assertStringIncludes(
      error.message,
      `overflow threw CodecError: Cannot write the result: it total must be i32, an integer from -2147483648 to 2147483647, not ${by}`,
    );
  }
  await assertRejects(
    () => lease.invoke("add", new Uint8Array(3)),
    FunctionError,
    "Cannot read the argument: it must be 16 bytes of struct{a:f64,b:f64}, not 3",
  );
  await assertRejects(
    () => lease.invoke("half", new Uint8Array(9)),
    FunctionError,
    "must be whole elements of 8 bytes",
  );
  await assertRejects(
    () => lease.invoke("greet", Uint8Array.of(0xff)),
    FunctionError,
    "CodecError",
  );
  // Two bytes a character: the length that is told is that of the bytes.
  await assertRejects(() => lease.call.long(2 ** 20), ResultTooLong, "it has 2097154 bytes");
});

Deno.test("lease.call knows its functions and refuses others by name", async () => {
  await using held = await startTyped();
  const { lease } = held;
  const call = lease.call as unknown as Record<string, unknown>;
  assertEquals(Object.keys(call).sort(), [...lease.functions].sort());
  assert("add" in call && !("sub" in call));
  try {
    call.sub;
    throw new Error("it was given");
  } catch (error) {
    assert(error instanceof UnknownFunction, `${error}`);
  }
  assertEquals(call.then, undefined);
});

Deno.test("a manifest that makes no sense is refused, or the call of what it names", async () => {
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
      LeaseRefused,
      fields.startsWith("{ get") ? "caught you" : "Cannot serve f: its signature",
      fields,
    );
    assertEquals((error as LeaseRefused).reason, "bad-package");
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
  // The rest of a package serves, whatever one of its functions claims.
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
    const error = assertThrows(() => lease.call[`f${i}`], UnknownCodec);
    assertStringIncludes(error.message, JSON.stringify(unknown[i >> 1]!));
    assertStringIncludes(error.message, i % 2 === 0 ? "its argument is" : "its result is");
  }
  assertEquals((await lease.invoke("ok", new Uint8Array())).length, 0);
});

Deno.test("a result that is none of its codec is told by name", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const say = (output: string, bytes: number[]) =>
    `Object.assign((_, output) => (output.set([${bytes}]), ${bytes.length}), {
      [Symbol.for("rfaas.function")]: { input: "nothing", output: "${output}", stream: false } })`;
  const lies = packageOf(`
    export const text = ${say("json", [123])};
    export const array = ${say("i32[]", [1, 2, 3])};
    export const fields = ${say("struct{a:u8}", [1, 2])};
    export const pack = ${say("msgpack", [0xc1])};
    export const none = ${say("nothing", [1])};
  `);
  await using lease = await client.lease<Record<string, Functions["count"]>>({ functions: lies });
  for (
    const [name, message] of [
      ["text", "must be JSON"],
      ["array", "must be whole elements of 4 bytes, not 3 bytes"],
      ["fields", "must be 1 bytes of struct{a:u8}, not 2"],
      ["pack", "must be MessagePack"],
      ["none", "must be no bytes, not 1"],
    ] as const
  ) {
    await assertRejects(
      () => lease.call[name]!(),
      FunctionError,
      `Cannot read the result of ${name}: it ${message}`,
    );
  }
});

/** Never runs: each line that is wrong must be an error of the compiler, or this file does not check. */
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
  // @ts-expect-error: a field is no number
  await lease.call.add({ a: 1, b: "2" });
  // @ts-expect-error: no such function
  await lease.call.subtract({ a: 1, b: 2 });
  // @ts-expect-error: another array
  await lease.call.double(new Float32Array());
  // @ts-expect-error: the result is a number
  (await lease.call.count()).length;
  // @ts-expect-error: the result has no such field
  (await lease.call.add({ a: 1, b: 2 })).total;
  // @ts-expect-error: it takes no value
  await lease.call.count(1);
  // @ts-expect-error: bytes alone
  await lease.call.plain("text");
  lease satisfies Lease; // what takes any lease takes this one
}
