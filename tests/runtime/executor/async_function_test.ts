import { assert, assertEquals, assertRejects } from "@std/assert";
import { FunctionError } from "../../../mod.ts";
import { startLease } from "../../support/cluster_lease.ts";
import { packageOf } from "../../support/functions_package.ts";
import { limitMs } from "../../support/time_factor.ts";

Deno.test("invoke() serves an async function with a timer beside hot calls on the same worker", async () => {
  await using held = await startLease({ depth: 4, maxBytes: 64, hotMs: Infinity });
  const { lease } = held;
  using call = lease.prepare("echo", { bytes: 8, resultBytes: 8, worker: 0 });
  let timerMs = Math.min(250, limitMs(5));
  let most = 0;
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
    most = Math.max(most, beside);
    // On a busy host a call may take as long as the timer.
    if (beside <= 4) timerMs = Math.min(250, 2 * timerMs);
  }
  assert(most > 4, `${most} calls ran beside a timer at most`);
  // The client blocks: the worker alone has to keep its event loop turning.
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

Deno.test("invoke() lets async functions overlap, and answers each in its own slot", async () => {
  await using held = await startLease({ depth: 16, maxBytes: 64 });
  const atMs = performance.now();
  const times = Array.from({ length: 16 }, (_, i) => 60 - i);
  const replies = await Promise.all(
    times.map((ms) => held.lease.invoke("later", Uint8Array.of(ms))),
  );
  assertEquals(replies, times.map((ms) => Uint8Array.of(ms)));
  assert(
    performance.now() - atMs < limitMs(400),
    "one after the other they would have taken 840 ms",
  );
});

Deno.test("invoke() lets an async function go on after its worker has gone to sleep", async () => {
  await using held = await startLease({ depth: 2, maxBytes: 64, hotMs: 0 });
  assertEquals(await held.lease.invoke("later", Uint8Array.of(100)), Uint8Array.of(100));
  const [a, b] = await Promise.all([
    held.lease.invoke("later", Uint8Array.of(50)),
    held.lease.invoke("echo", Uint8Array.of(1)),
  ]);
  assertEquals([a, b], [Uint8Array.of(50), Uint8Array.of(1)]);
});

Deno.test("invoke() takes an async function's length, failure and nonsense like a sync one's", async () => {
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
      const [name, said] of [
        ["rejects", "threw RangeError: no"],
        ["rejectsNull", "threw thrown: null"],
        ["hostileThen", "threw EvalError: then"],
        ["nothing", "must return the bytes written, not undefined"],
      ] as const
    ) {
      await assertRejects(() => lease.invoke(name, Uint8Array.of()), FunctionError, said);
    }
  }
});
