/** What prepared calls that lose their slot count, with both ends in one thread. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type OneThread, openOneThread } from "../../../bench/floors/one_thread.ts";
import {
  BusyError,
  DeadlineExceededError,
  ExecutorLostError,
  FunctionError,
} from "../../../mod.ts";
import type { CallHost } from "../../../runtime/call/call_host.ts";
import { CallStats } from "../../../runtime/call/call_stats.ts";
import { PreparedCall } from "../../../runtime/call/prepared_call.ts";
import { TimedCall } from "../../../runtime/call/timed_call.ts";
import { LatencyHistogram } from "../../../runtime/call/latency_histogram.ts";

const none = () => {};
const options = {
  depth: 1,
  maxBytes: 8,
  functions: {
    echo: (input: Uint8Array, output: Uint8Array) => (output.set(input), input.length),
    fail: () => {
      throw new TypeError("no");
    },
  },
};
const BYTES = { bytes: 1, resultBytes: 1 };

/** Stands for a lease whose worker is the first that is left. */
function hostOf(workers: OneThread[]): CallHost {
  const notRun = () => new ExecutorLostError("lost", "not-run");
  return {
    stats: new CallStats(false),
    maxBytes: 8,
    sessionFor: () => {
      if (workers.length === 0) throw notRun();
      return workers[0]!.session;
    },
    onLost: none,
    lossError: notRun,
    live: () => true,
    kick: none,
    awaitLossReason: () => Promise.resolve(),
    onFree: none,
    yieldCore: none,
  };
}

Deno.test("`PreparedCall` counts each call that gets no other slot, and none without its argument", async () => {
  await using worker = await openOneThread(options);
  const host = hostOf([worker]);
  const { stats } = host;
  const errors = () => stats.read(0, 0).errors;
  using call = new PreparedCall(host, "echo", BYTES);
  assertThrows(() => call.invokeSync(1, { deadlineMs: 0 }), DeadlineExceededError);
  const counts: Record<string, number> = { DeadlineExceededError: 1 };
  assertEquals(errors(), counts);
  // The only slot waits for the late reply.
  assertThrows(() => call.invokeSync(1), BusyError);
  await assertRejects(() => call.invoke(1), BusyError);
  counts["BusyError"] = 2;
  assertEquals(errors(), counts);
  assertThrows(() => call.input, BusyError); // no call
  assertEquals(errors(), counts);
  worker.server.serveNext();
  assertThrows(() => call.start(1), TypeError, "rewrite input");
  assertThrows(() => call.start(2)); // too long
  assertEquals(errors(), counts);
  call.input[0] = 5;
  call.start(1);
  assertThrows(() => call.start(1), TypeError, "has not been finished");
  worker.server.serveNext();
  assertEquals([call.finish(), call.output[0]], [1, 5]);
  assertEquals(errors(), counts);
});

Deno.test("`PreparedCall` counts a call that is refused since its executor was lost", async () => {
  await using before = await openOneThread(options);
  await using after = await openOneThread(options);
  const workers = [before];
  const host = hostOf(workers);
  const counted = () => host.stats.read(0, 0).errors;
  using call = new PreparedCall(host, "echo", BYTES);
  before.session.close();
  workers.pop();
  assertThrows(() => call.start(1), ExecutorLostError, "lost"); // there is no other worker
  assertEquals(counted(), { ExecutorLostError: 1 });
  workers.push(after);
  assertThrows(() => call.start(1), ExecutorLostError, "rewrite input");
  assertEquals(counted(), { ExecutorLostError: 2 });
  call.input[0] = 6;
  call.start(1);
  after.server.serveNext();
  assertEquals([call.finish(), call.output[0]], [1, 6]);
  assertEquals(counted(), { ExecutorLostError: 2 });
});

Deno.test("`TimedCall` records no time of a call that fails", async () => {
  await using worker = await openOneThread(options);
  const host = hostOf([worker]);
  const latency = new LatencyHistogram();
  using call = new TimedCall(host, "echo", BYTES, latency);
  call.start(1);
  worker.server.serveNext();
  call.finish();
  assertEquals(latency.read().count, 1);
  assertThrows(() => call.invokeSync(1, { deadlineMs: 0 }), DeadlineExceededError);
  worker.server.serveNext();
  call.close();
  while (worker.session.poll()); // frees the slot
  using failing = new TimedCall(host, "fail", BYTES, latency);
  failing.start(1);
  worker.server.serveNext();
  assertThrows(() => failing.finish(), FunctionError);
  assertEquals(latency.read().count, 1);
});
