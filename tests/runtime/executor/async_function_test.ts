import { assert, assertEquals, assertRejects } from "@std/assert";
import { FunctionError } from "../../../mod.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { lastingMs, limitMs } from "../../support/time_factor.ts";
import { within } from "../../support/waiting.ts";

Deno.test("`invoke()` runs an async function with a timer beside hot calls on the same worker", async () => {
  await using held = await startLease({ depth: 4, maxBytes: 64, hotMs: Infinity });
  const { lease } = held;
  using call = lease.prepare("echo", { bytes: 8, resultBytes: 8, worker: 0 });
  let timerMs = Math.min(250, lastingMs(5));
  let maxBeside = 0;
  for (let round = 0; round < 10; round++) {
    let done = false;
    const timer = lease.invoke("later", Uint8Array.of(timerMs), { worker: 0 }).finally(() =>
      done = true
    );
    let beside = 0;
    const untilMs = performance.now() + limitMs(2000);
    while (!done && performance.now() < untilMs) {
      call.input.fill(beside);
      assertEquals(await call.invoke(8), 8);
      assertEquals(call.output[0], beside & 255);
      beside++;
    }
    assertEquals(await timer, Uint8Array.of(timerMs));
    maxBeside = Math.max(maxBeside, beside);
    // On a busy host one call may take as long as the timer.
    if (beside <= 4) timerMs = Math.min(250, 2 * timerMs);
  }
  assert(maxBeside > 4, `${maxBeside} calls ran beside a timer at most`);
  // The client blocks its thread: the worker has to turn its event loop without it.
  using later = lease.prepare("later", { bytes: 1, resultBytes: 1 });
  later.input[0] = 250; // milliseconds
  later.start();
  let beside = 0;
  while (!later.done() && beside < 1e6) {
    call.invokeSync(8);
    beside++;
  }
  assertEquals(later.finish(), 1);
  assert(beside > 10);
});

Deno.test("`invoke()` overlaps async functions, and returns each result from its own slot", async () => {
  const functions = packageOf(`
    const waiting = [];
    export async function meets(input, output) { // ends when all sixteen have begun, the last one first
      const [own] = input;
      await new Promise((resolve) => {
        waiting.unshift(resolve);
        if (waiting.length === 16) for (const each of waiting) each();
      });
      output[0] = own;
      return 1;
    }
  `);
  await using held = await startLease({ functions, depth: 16, maxBytes: 64 });
  const inputs = Array.from({ length: 16 }, (_, i) => Uint8Array.of(60 - i));
  const replies = Promise.all(inputs.map((input) => held.lease.invoke("meets", input)));
  assertEquals(await within(10_000, "one after the other they never end", replies), inputs);
});

Deno.test("`invoke()` returns the result of an async function that settles while its worker sleeps", async () => {
  await using held = await startLease({ depth: 2, maxBytes: 64, hotMs: 0 });
  assertEquals(await held.lease.invoke("later", Uint8Array.of(100)), Uint8Array.of(100));
  const [a, b] = await Promise.all([
    held.lease.invoke("later", Uint8Array.of(50)),
    held.lease.invoke("echo", Uint8Array.of(1)),
  ]);
  assertEquals([a, b], [Uint8Array.of(50), Uint8Array.of(1)]);
});

Deno.test("`invoke()` treats results, failures and invalid values of async functions like those of sync ones", async () => {
  const functions = packageOf(`
    export const good = async (input, output) => (await null, output.set(input), input.length);
    export const thenable = (input, output) => ({ then(ok) { output[0] = 7; ok(1); } });
    export const rejects = async () => { throw new RangeError("no"); };
    export const rejectsNull = () => Promise.reject(null);
    export const hostileThen = () => ({ get then() { throw new EvalError("then"); } });
    export const twice = () => ({ then(ok, no) { ok(1); ok(2); no(new Error("late")); throw 1; } });
    export const nothing = async () => {};
    export const deep = async () => (async () => 3)();
  `);
  await using held = await startLease({ functions, depth: 1, maxBytes: 64 });
  const { lease } = held;
  for (let round = 0; round < 3; round++) {
    assertEquals(await lease.invoke("good", Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
    assertEquals(await lease.invoke("thenable", Uint8Array.of()), Uint8Array.of(7));
    assertEquals((await lease.invoke("twice", Uint8Array.of())).length, 1);
    assertEquals((await lease.invoke("deep", Uint8Array.of())).length, 3);
    for (
      const [name, message] of [
        ["rejects", "threw RangeError: no"],
        ["rejectsNull", "threw null"],
        ["hostileThen", "threw EvalError: then"],
        ["nothing", "expected the number of bytes written, got undefined"],
      ] as const
    ) {
      await assertRejects(() => lease.invoke(name, Uint8Array.of()), FunctionError, message);
    }
  }
});
