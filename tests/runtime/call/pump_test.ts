/** The pump leaves the event loop its turns. */

import { assert } from "@std/assert";
import { openOneThread } from "../../../bench/floors/one_thread.ts";
import { CallStats } from "../../../runtime/call/call_stats.ts";
import { CallTask } from "../../../runtime/call/call_task.ts";
import { Pump } from "../../../runtime/call/pump.ts";
import { WorkerPool } from "../../../runtime/call/worker_pool.ts";
import { limitMs } from "../../support/time_factor.ts";

const none = () => {};

/** A pool whose replies arrive at once: no call ever waits. */
async function openPool(depth: number, nothing: (input: Uint8Array) => number) {
  const ends = await openOneThread({ depth, maxBytes: 64, functions: { nothing } });
  const { session, server } = ends;
  const poll = session.poll.bind(session);
  session.poll = () => server.serveNext() && poll();
  const pool = new WorkerPool(new Pump(none, none), 1);
  pool.join([session], none);
  const host = {
    stats: new CallStats(false),
    maxBytes: 64,
    onFree: () => pool.serve(),
    taskLost: none,
    taskBusy: none,
  };
  const call = () => {
    const task = new CallTask(host, "nothing", new Uint8Array(8), {});
    pool.submit(task);
    return task.promise;
  };
  return { call, [Symbol.asyncDispose]: () => ends[Symbol.asyncDispose]() };
}

for (const lanes of [1, 16]) {
  Deno.test(`timers fire beside ${lanes} chains of calls whose replies arrive at once`, async () => {
    await using pool = await openPool(16, (input) => input.length);
    let calls = 0;
    let timers = 0;
    const untilMs = performance.now() + limitMs(1000);
    const timer = setInterval(() => timers++, 10);
    await Promise.all(Array.from({ length: lanes }, async () => {
      while ((timers < 10 || calls <= 100) && performance.now() < untilMs) {
        await pool.call();
        calls++;
      }
    }));
    clearInterval(timer);
    assert(calls > 100, `${calls} calls`);
    assert(timers >= 10, `${timers} timers of 10 ms fired`);
  });
}

Deno.test("an event loop has its turn after few calls, however many are in flight", async () => {
  const CALL_MS = 0.01;
  await using pool = await openPool(64, (input) => {
    const untilMs = performance.now() + CALL_MS;
    while (performance.now() < untilMs);
    return input.length;
  });
  let calls = 0;
  let most = 0;
  const sinceMs = performance.now();
  // A thread that was interrupted goes on for longer.
  const isOver = () => performance.now() - sinceMs >= (calls > 100 ? 200 : limitMs(1000));
  const turn = (before: number) => {
    most = Math.max(most, calls - before);
    if (!isOver()) setImmediate(turn, calls);
  };
  setImmediate(turn, 0);
  await Promise.all(Array.from({ length: 64 }, async () => {
    for (; !isOver(); calls++) await pool.call();
  }));
  assert(calls > 100, `${calls} calls`);
  // A millisecond, a batch of 64, and the calls before the first read of the clock; fewer on a slow host.
  assert(most <= 512, `${most} calls without a turn`);
});
