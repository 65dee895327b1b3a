/** A client that waits for a worker tries to leave its core. */
import { assert, assertThrows } from "@std/assert";
import { type OneThread, openOneThread } from "../../../bench/floors/one_thread.ts";
import { CallStats } from "../../../runtime/call/call_stats.ts";
import { CallTask } from "../../../runtime/call/call_task.ts";
import { CLIENT_SLEEP_AFTER_MS } from "../../../runtime/policy.ts";
import { Pump } from "../../../runtime/call/pump.ts";
import { WorkerPool } from "../../../runtime/call/worker_pool.ts";
import { until } from "../../support/waiting.ts";

const none = () => {};
const open = () =>
  openOneThread({ depth: 2, maxBytes: 8, functions: { nothing: (input) => input.length } });

/** Counts the attempts to leave the core. */
function attemptsOf({ session }: OneThread): () => number {
  let attempts = 0;
  const leaveCore = () => ++attempts < 0;
  Object.defineProperty(session.connection.shared, "leaveCore", { value: leaveCore });
  return () => attempts;
}

Deno.test("a synchronous call without a reply tries to leave the worker's core", async () => {
  await using ends = await open();
  const attempts = attemptsOf(ends);
  const call = ends.prepare("nothing", 8);
  assertThrows(() => call.invokeSync(8), Error, "the other end is this thread"); // instead of a yield
  assert(attempts() > 0);
});

Deno.test("a wait for this thread ends with an error where it was interrupted for so long that it sleeps", async () => {
  await using ends = await open();
  const interrupted = () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * CLIENT_SLEEP_AFTER_MS);
    return false;
  };
  Object.defineProperty(ends.session, "poll", { value: interrupted });
  const call = ends.prepare("nothing", 8);
  assertThrows(() => call.invokeSync(8), Error, "the other end is this thread");
});

Deno.test("an awaited call without a reply tries to leave the worker's core", async () => {
  await using ends = await open();
  const attempts = attemptsOf(ends);
  const pool = new WorkerPool(new Pump(none, none), 1);
  pool.join([ends.session], none);
  const host = {
    stats: new CallStats(false),
    maxBytes: 8,
    onFree: none,
    taskLost: none,
    taskBusy: none,
  };
  // A thread that was interrupted for longer than it spins sleeps instead, which leaves the core as well.
  for (let calls = 0; attempts() === 0; calls++) {
    assert(calls < 100, "no attempt was made");
    const task = new CallTask(host, "nothing", new Uint8Array(8), {});
    pool.submit(task);
    await Promise.resolve(); // the pump polls in the microtask before this one
    await until(() => ends.server.serveNext(), () => "the request was found");
    await task.promise;
  }
});
