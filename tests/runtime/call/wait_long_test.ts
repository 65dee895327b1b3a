/** The wait for a reply that takes long, with both ends in one thread. */

import { assert, assertEquals } from "@std/assert";
import { openOneThread } from "../../../bench/floors/one_thread.ts";
import { ABANDONED, DONE, LOST } from "../../../runtime/call/client_slot.ts";
import { waitLong } from "../../../runtime/call/wait_long.ts";
import type { WorkerSession } from "../../../runtime/call/worker_session.ts";
import { lastingMs } from "../../support/time_factor.ts";

const options = { depth: 1, maxBytes: 8, functions: { nothing: () => 0 } };

/** Sends a call that nothing serves yet. */
function postOn(session: WorkerSession) {
  const slot = session.acquire()!;
  session.post(slot, 0, 0, 0, 0);
  return slot;
}

/** The lease of the call. */
function hostOf(session: WorkerSession) {
  return { live: () => true, onLost: () => session.close(), yieldCore: () => {} };
}

Deno.test("`waitLong()` returns when the reply has arrived", async () => {
  await using ends = await openOneThread(options);
  const { session, server } = ends;
  const slot = postOn(session);
  const live = () => (server.serveNext(), true); // checked every PROBE_EVERY_MS
  assertEquals(waitLong({ ...hostOf(session), live }, session, slot, Infinity), true);
  assertEquals(slot.state, DONE);
});

Deno.test("`waitLong()` returns false at the deadline, and leaves the slot to its late reply", async () => {
  await using ends = await openOneThread(options);
  const { session, server } = ends;
  const slot = postOn(session);
  const sinceMs = performance.now();
  assertEquals(waitLong(hostOf(session), session, slot, 5), false);
  assert(performance.now() - sinceMs >= 5);
  session.release(slot);
  assertEquals(slot.state, ABANDONED);
  server.serveNext();
  assert(session.poll());
  assertEquals(session.freeSlots, 1);
});

Deno.test("`waitLong()` returns when the lease is over, with the reply that arrived before", async () => {
  await using ends = await openOneThread(options);
  const { session, server } = ends;
  const served = postOn(session);
  let isServed = false;
  const live = () => {
    isServed = server.serveNext(); // after the last poll
    return false;
  };
  const host = hostOf(session);
  assertEquals(waitLong({ ...host, live }, session, served, Infinity), true);
  assertEquals([isServed, served.state], [true, DONE]);
  session.release(served);
  const slot = postOn(session);
  assertEquals(waitLong({ ...host, live: () => false }, session, slot, Infinity), true);
  assertEquals(slot.state, LOST);
});

Deno.test("`waitLong()` returns false for a call that is lost after its deadline", async () => {
  await using ends = await openOneThread(options);
  const { session } = ends;
  const slot = postOn(session);
  const deadlineMs = lastingMs(200);
  const sinceMs = performance.now();
  const live = () => {
    while (performance.now() - sinceMs <= deadlineMs + 1); // this thread has no core meanwhile
    return false;
  };
  assertEquals(waitLong({ ...hostOf(session), live }, session, slot, deadlineMs), false);
  assertEquals(slot.state, LOST);
});
