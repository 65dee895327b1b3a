import { assert } from "@std/assert";
import { openOneThread } from "../../../bench/one_thread.ts";
import { CallTask } from "../../../runtime/call/call_task.ts";
import { Pump } from "../../../runtime/call/pump.ts";
import { WorkerCrew } from "../../../runtime/call/worker_crew.ts";

const none = () => {};

/** A crew whose replies are there at once: none is ever waited for. */
async function openCrew(depth: number, nothing: (input: Uint8Array) => number) {
  const ends = await openOneThread({ depth, maxBytes: 64, functions: { nothing } });
  const { session, server } = ends;
  const poll = session.poll.bind(session);
  session.poll = () => server.serveNext() && poll();
  const crew = new WorkerCrew(new Pump(none, none), 1);
  crew.join([session], none);
  const call = () => {
    const serve = () => crew.serve();
    const task = new CallTask("nothing", new Uint8Array(8), 64, {}, serve, none, none);
    crew.submit(task);
    return task.promise;
  };
  return { call, [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose]() };
}

for (const lanes of [1, 16]) {
  Deno.test(`timers fire beside ${lanes} chains of calls whose replies are there at once`, async () => {
    await using crew = await openCrew(16, (input) => input.length);
    let calls = 0;
    let timers = 0;
    const untilMs = performance.now() + 300;
    const timer = setInterval(() => timers++, 10);
    await Promise.all(Array.from({ length: lanes }, async () => {
      while (performance.now() < untilMs) {
        await crew.call();
        calls++;
      }
    }));
    clearInterval(timer);
    assert(calls > 100, `${calls} calls`);
    assert(timers >= 10, `${timers} timers of 10 ms fired in 300 ms`);
  });
}

Deno.test("the event loop has its turn after few calls, however many are in flight", async () => {
  const CALL_MS = 0.01;
  await using crew = await openCrew(64, (input) => {
    const untilMs = performance.now() + CALL_MS;
    while (performance.now() < untilMs);
    return input.length;
  });
  let calls = 0;
  let most = 0;
  const untilMs = performance.now() + 200;
  const turn = (before: number) => {
    most = Math.max(most, calls - before);
    if (performance.now() < untilMs) setImmediate(turn, calls);
  };
  setImmediate(turn, 0);
  await Promise.all(Array.from({ length: 64 }, async () => {
    for (; performance.now() < untilMs; calls++) await crew.call();
  }));
  assert(calls > 100, `${calls} calls`);
  // A millisecond and a batch of 64, and what came before the first look; on a slow day fewer.
  assert(most <= 512, `${most} calls without a turn`);
});
