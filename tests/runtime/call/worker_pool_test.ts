/** Sessions that are replaced or lost, and their calls. */

import { assertEquals } from "@std/assert";
import { openOneThread } from "../../../bench/floors/one_thread.ts";
import { CallStats } from "../../../runtime/call/call_stats.ts";
import { CallTask } from "../../../runtime/call/call_task.ts";
import { OPEN } from "../../../runtime/call/client_slot.ts";
import { Pump } from "../../../runtime/call/pump.ts";
import { WorkerPool } from "../../../runtime/call/worker_pool.ts";
import { within } from "../../support/waiting.ts";

const none = () => {};
const options = { depth: 1, maxBytes: 64, functions: { nothing: () => 0 } };
const newPool = () => new WorkerPool(new Pump(none, none), 1);

Deno.test("`WorkerPool` closes a replaced session whose connection is lost beside an idle stream", async () => {
  await using before = await openOneThread(options);
  await using after = await openOneThread(options);
  const pool = newPool();
  pool.join([before.session], none);
  before.session.acquire()!.state = OPEN; // a stream between two chunks
  const replaced = pool.join([after.session], none);
  before.session.connection.close();
  await within(2000, "the close of the replaced session", replaced);
  assertEquals(before.session.lost, true);
});

Deno.test("`WorkerPool` fails the calls of a removed worker when its connection is lost", async () => {
  await using ends = await openOneThread(options);
  const pool = newPool();
  pool.join([ends.session], none);
  let lost = 0;
  const host = {
    stats: new CallStats(false),
    maxBytes: 64,
    onFree: none,
    taskLost: () => lost++,
    taskBusy: none,
  };
  const task = new CallTask(host, "nothing", new Uint8Array(), {});
  pool.submit(task);
  pool.remove([0]);
  pool.lose(ends.session);
  assertEquals(lost, 1);
});
