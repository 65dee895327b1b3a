/** Sessions that were left, and what becomes of the calls on them. */

import { assertEquals } from "@std/assert";
import { openOneThread } from "../../../bench/one_thread.ts";
import { CallTask } from "../../../runtime/call/call_task.ts";
import { OPEN } from "../../../runtime/call/client_slot.ts";
import { Pump } from "../../../runtime/call/pump.ts";
import { WorkerCrew } from "../../../runtime/call/worker_crew.ts";
import { within } from "../../support/cluster_lease.ts";

const none = () => {};
const options = { depth: 1, maxBytes: 64, functions: { nothing: () => 0 } };
const newCrew = () => new WorkerCrew(new Pump(none, none), 1);

Deno.test("WorkerCrew lets go of a session that it has left when its connection goes beside an idle stream", async () => {
  await using before = await openOneThread(options);
  await using after = await openOneThread(options);
  const crew = newCrew();
  crew.join([before.session], none);
  before.session.acquire()!.state = OPEN; // a stream between two chunks
  const left = crew.join([after.session], none);
  before.session.connection.close();
  await within(2000, "the session that was left", left);
  assertEquals(before.session.lost, true);
});

Deno.test("WorkerCrew tells the calls of a worker that is gone for good when their connection goes", async () => {
  await using ends = await openOneThread(options);
  const crew = newCrew();
  crew.join([ends.session], none);
  let lost = 0;
  const task = new CallTask("nothing", new Uint8Array(), 64, {}, none, () => lost++, none);
  crew.submit(task);
  crew.remove([0]);
  crew.lose(ends.session);
  assertEquals(lost, 1);
});
