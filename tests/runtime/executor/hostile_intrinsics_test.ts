/** Functions that patch intrinsics in order to receive the runtime's own objects. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FunctionError, type Lease } from "../../../mod.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { within } from "../../support/waiting.ts";

const none = new Uint8Array();
const spy = await Deno.readFile(
  new URL("../../support/functions/functions_spy.js", import.meta.url),
);

async function report(lease: Lease): Promise<{ calls: number; found: Record<string, number> }> {
  return JSON.parse(
    new TextDecoder().decode(await lease.invoke("report", none, { deadlineMs: 5000 })),
  );
}

Deno.test("patched intrinsics receive no object of the runtime, for every kind of call", async () => {
  const lines: string[] = [];
  await using held = await startLease({
    functions: spy,
    depth: 4,
    maxBytes: 16384,
    hotMs: 5,
    onLog: ({ text }) => lines.push(text),
  });
  const { lease } = held;
  await lease.invoke("arm", none);
  for (let i = 0; i < 50; i++) {
    assertEquals(await lease.invoke("echo", Uint8Array.of(i, 2)), Uint8Array.of(i, 2));
  }
  using call = lease.prepare("echo", { bytes: 8, resultBytes: 8 });
  for (let i = 0; i < 50; i++) assertEquals(call.invokeSync(i % 9), i % 9);
  await Promise.all(Array.from({ length: 12 }, () => lease.invoke("later", none)));
  await assertRejects(() => lease.invoke("fail", none), FunctionError, "RangeError: on purpose");
  await new Promise((resolve) => setTimeout(resolve, 30)); // longer than the hot time: the worker sleeps
  assertEquals((await lease.invoke("later", none)).length, 1);
  for (const name of ["many", "manyLater"]) {
    assertEquals((await Array.fromAsync(lease.stream(name, none))).length, 3);
    for await (const _ of lease.stream(name, none)) break;
  }
  assertEquals((await lease.invoke("withContext", none, { deadlineMs: 5000 })).length, 0);
  const giveUp = new AbortController();
  const given = lease.invoke("withContext", Uint8Array.of(1), { signal: giveUp.signal });
  await lease.invoke("echo", none);
  giveUp.abort(new Error("enough"));
  await assertRejects(() => given, Error, "enough");
  await within(
    3000,
    "the lines",
    (async () => {
      while (lines.length < 3) await new Promise((resolve) => setTimeout(resolve, 2));
    })(),
  );
  assertEquals(lines.slice(0, 3), ["begun", "a line", "a line"]);
  const { found } = await report(lease);
  assertEquals(found, {});
  const late = lease.invoke("withContext", Uint8Array.of(1), { deadlineMs: 30 });
  await assertRejects(() => late);
  assertEquals((await report(lease)).found, {});
  // The spy finds a function that hands on its buffer.
  await lease.invoke("careless", none);
  const careless = await report(lease);
  assert(
    Object.keys(careless.found).some((what) => what.includes("view of 1048576")),
    JSON.stringify(careless),
  );
});

for (
  const [what, source] of [
    [
      "Atomics and typed arrays that throw",
      `
      const no = () => { throw new Error("patched"); };
      for (const name of Reflect.ownKeys(Atomics)) if (typeof Atomics[name] === "function") Atomics[name] = no;
      const typed = Object.getPrototypeOf(Uint8Array.prototype);
      for (const name of ["set", "subarray", "slice", "fill"]) typed[name] = no;
      for (const name of ["buffer", "length", "byteLength", "byteOffset"]) Object.defineProperty(typed, name, { get: no });
    `,
    ],
    [
      "iterators and collections that throw",
      `
      const no = () => { throw new Error("patched"); };
      const iterators = [[], new Map(), new Set()].map((one) => Object.getPrototypeOf(one[Symbol.iterator]()));
      const define = Reflect.defineProperty, keys = Reflect.ownKeys;
      const prototypes = [Array.prototype, Map.prototype, Set.prototype, WeakMap.prototype, ...iterators];
      for (let i = 0; i < prototypes.length; i++) {
        const names = keys(prototypes[i]);
        for (let j = 0; j < names.length; j++) {
          if (names[j] !== "constructor" && names[j] !== "length" && names[j] !== "size") {
            define(prototypes[i], names[j], { value: no, configurable: true, writable: true });
          }
        }
      }
    `,
    ],
    [
      "functions, promises and JSON that throw",
      `
      const no = () => { throw new Error("patched"); };
      for (const name of ["call", "apply", "bind"]) Function.prototype[name] = no;
      Promise.resolve = Promise.reject = Promise.all = no;
      JSON.stringify = JSON.parse = no;
      TextEncoder.prototype.encode = TextEncoder.prototype.encodeInto = no;
      Object.defineProperty(globalThis, "setImmediate", { value: no, configurable: true });
      globalThis.queueMicrotask = no;
      performance.now = no;
    `,
    ],
    [
      "globals that are deleted",
      `
      const keep = new Set(["Uint8Array", "Reflect", "Object"]);
      for (const name of Reflect.ownKeys(globalThis)) if (!keep.has(name)) try { delete globalThis[name]; } catch {}
    `,
    ],
    [
      "Object.prototype poisoned with throwing accessors",
      `
      for (const name of ["signal", "timeoutMs", "opcode", "status", "error", "then"]) {
        Object.defineProperty(Object.prototype, name, { configurable: true, get() { throw new Error(name); }, set(value) {
          Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true }); } });
      }
    `,
    ],
  ] as const
) {
  Deno.test(`${what} keep neither the worker nor the node from serving`, async () => {
    const functions = packageOf(`
      export const ok = (input, output) => { output[0] = input[0] + 1; return 1; };
      export const bad = () => { throw 1; };
      export const slow = async (input, output) => { output[0] = 9; return 1; };
      export const patch = () => { ${source} return 0; };
    `);
    await using held = await startLease({ functions, maxBytes: 64, hotMs: 1 });
    const { lease, client } = held;
    await lease.invoke("patch", none);
    const outcomes: unknown[] = [];
    for (let i = 0; i < 20; i++) {
      const name = i % 3 === 0 ? "slow" : "ok";
      const work = lease.invoke(name, Uint8Array.of(i), { deadlineMs: 2000 });
      outcomes.push(
        await within(4000, name, work.then(([byte]) => byte, (error) => error.message)),
      );
      if (i % 5 === 4) await new Promise((resolve) => setTimeout(resolve, 3)); // the worker sleeps meanwhile
    }
    const good = Array.from({ length: 20 }, (_, i) => i % 3 === 0 ? 9 : i + 1);
    // Patches may break Deno's own code; then the executor ends, and another one serves.
    outcomes.forEach((outcome, i) =>
      assert(
        outcome === good[i] || `${outcome}`.includes("its executor is lost"),
        `${i}: ${outcome}`,
      )
    );
    assert(outcomes.filter((outcome, i) => outcome === good[i]).length > 10, `${outcomes}`);
    await assertRejects(() => within(4000, "bad", lease.invoke("bad", none)), FunctionError);
    await using honest = await client.lease({ functions: packageOf("export const f = () => 0;") });
    assertEquals((await honest.invoke("f", none)).length, 0);
  });
}
