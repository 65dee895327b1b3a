/** Executors that are killed or stopped. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { DeadlineExceededError, ExecutorLostError, LeaseOverError } from "../../runtime/errors.ts";
import type { Client } from "../../runtime/client/client.ts";
import type { Lease } from "../../runtime/client/lease.ts";
import type { LeaseEvent } from "../../runtime/client/lease_events.ts";
import { stop } from "../support/processes/process_child.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { isAlive, killIfThere } from "../support/processes/process_table.ts";
import { limitMs, scaledCount, timeFactor } from "../support/time_factor.ts";
import { anyFabric, testFabric } from "../support/cluster/test_fabric.ts";
import { until, within } from "../support/waiting.ts";

const bytes = Uint8Array.from({ length: 64 }, (_, i) => i);

/** The error has the reason if the node reports it within half a second; a slow machine may take longer. */
const KILLED = timeFactor() > 1 ? /SIGKILL|for an unknown reason/ : /SIGKILL/;

/** Collects the events of a lease. */
function watch(lease: Lease) {
  const events: LeaseEvent[] = [];
  const done = (async () => {
    for await (const event of lease.status()) events.push(event);
  })();
  return {
    events,
    done,
    count: (type: LeaseEvent["type"]) => events.filter((event) => event.type === type).length,
  };
}

async function lost(work: Promise<unknown>): Promise<{ error: ExecutorLostError; ms: number }> {
  const sinceMs = performance.now();
  const error = await assertRejects(
    () => within(1000, "the call's failure", work),
    ExecutorLostError,
  );
  return { error, ms: performance.now() - sinceMs };
}

// One host for all three: in an emulated machine, starting one takes longer than what is tested here.
Deno.test("calls of an executor that dies or stands still", async (t) => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  await t.step(
    "an executor killed during a call fails that call within a second, and the lease recovers",
    (t) => killInMidCall(t, host, client),
  );
  await t.step({
    ...anyFabric(
      "an executor killed in a loop of invokeSync fails the call under way within a second",
    ),
    fn: () => killInLoop(host), // the step before has a synchronous call on each fabric
  });
  await t.step(
    "a stopped executor fails calls by their deadline, and its late replies complete no other call",
    () => stopAndContinue(host, client),
  );
});

async function killInMidCall(
  t: Deno.TestContext,
  host: ProcessHost,
  client: Client,
): Promise<void> {
  await using lease = await host.lease(client);
  const watched = watch(lease);

  await t.step("invoke", async () => {
    const calls = [lease.invoke("never", bytes), lease.invoke("never", bytes)];
    await lease.invoke("echo", bytes); // both have begun
    const pid = await host.executor();
    const failures = Promise.all(calls.map((call) => lost(call)));
    const killedMs = performance.now();
    Deno.kill(pid, "SIGKILL");
    for (const { error, ms } of await failures) {
      assertEquals(error.outcome, "unknown");
      assertMatch(error.message, KILLED);
      console.log(`kill to error, invoke: ${ms.toFixed(1)} ms`);
    }
    assertEquals(await within(3000, "a later call", lease.invoke("echo", bytes)), bytes);
    console.log(`kill to answer: ${(performance.now() - killedMs).toFixed(1)} ms`);
    assertEquals(isAlive(pid), false);
  });

  await t.step("start, finish: the client's thread spins meanwhile", async () => {
    await until(() => watched.count("recovered") === 1, () => "recovered once");
    const pid = await host.executor();
    using call = lease.prepare("spin", { bytes: 64, resultBytes: 64 });
    call.start();
    const killer = new Deno.Command("kill", { args: ["-KILL", `${pid}`] }).spawn();
    const sinceMs = performance.now();
    const error = assertThrows(() => call.finish(), ExecutorLostError);
    const ms = performance.now() - sinceMs;
    assert(ms < limitMs(1000), `it took ${ms} ms`);
    console.log(`kill to error, synchronous: under ${ms.toFixed(1)} ms`);
    assert(["unknown", "not-run"].includes(error.outcome)); // it may not have begun
    assertMatch(error.message, KILLED);
    await killer.status;
  });

  await t.step("prepared calls after a recovery: the reason at once, then new memory", async () => {
    await until(() => watched.count("recovered") === 2, () => "recovered twice");
    using begun = lease.prepare("spin", { bytes: 64, resultBytes: 64 });
    using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
    const before = call.input;
    before.set(bytes);
    assertEquals(call.invokeSync(64), 64);
    begun.start();
    Deno.kill(await host.executor(), "SIGKILL");
    await until(() => watched.count("lost") === 3, () => "lost");
    const waiting = assertThrows(() => call.invokeSync(64), ExecutorLostError);
    assertEquals(waiting.outcome, "not-run");
    await until(() => watched.count("recovered") === 3, () => "recovered three times");
    assertEquals(begun.done(), true);
    const sinceMs = performance.now();
    assertMatch(assertThrows(() => begun.finish(), ExecutorLostError).message, KILLED);
    assert(performance.now() - sinceMs < limitMs(100), "the reason is there, without a wait");
    const after = call.input;
    assert(after !== before);
    assertEquals(before.length, 0, "the old view is detached");
    after.fill(9);
    assertEquals(call.invokeSync(64), 64);
    assertEquals(call.output[63], 9);
    assertEquals(await call.invoke(64), 64);
  });

  await lease.close();
  await watched.done;
  assertEquals(
    watched.events.map(({ type }) => type).filter((type) => type !== "renewed"),
    [...Array(3).fill(["lost", "recovered"]).flat(), "closed"],
  );
  await host.idle();
}

async function killInLoop(host: ProcessHost): Promise<void> {
  await using hot = host.startClient("hotLoop");
  await hot.line();
  const pid = await host.executor();
  const atMs = Date.now();
  Deno.kill(pid, "SIGKILL");
  const failure = await hot.line<
    { name: string; outcome: string; message: string; atMs: number }
  >();
  assertEquals(failure.name, "ExecutorLostError");
  assert(["unknown", "not-run"].includes(failure.outcome));
  assertMatch(failure.message, KILLED);
  assert(failure.atMs - atMs < limitMs(1000), `it took ${failure.atMs - atMs} ms`);
  console.log(`kill to error, invokeSync: ${failure.atMs - atMs} ms`);
  assertEquals(await hot.ended(), { code: 0, signal: null, stderr: "" });
  await host.idle();
}

Deno.test(
  anyFabric("an idempotent call is never lost, however often the executor is killed"),
  async () => {
    await using host = await ProcessHost.start();
    await using client = await host.connect();
    await using lease = await host.lease(client, { workers: 2, depth: 4, idempotent: ["hold"] });
    const inputs = Array.from({ length: 400 }, (_, i) => Uint8Array.of(5, i >> 8, i & 255));
    let done = 0;
    const mapping = lease.map("hold", inputs, { onProgress: () => void done++ });
    const killed = new Set<number>();
    const sinceMs = performance.now();
    const kills = scaledCount(6, 2);
    for (const share of [20, 70, 130, 180, 240, 300].slice(0, kills)) {
      await until(() => done >= share, () => `${share} are done (${done})`);
      const alive = () => host.executors().find((pid) => !killed.has(pid));
      await until(() => alive() !== undefined, () => "an executor runs");
      const pid = alive()!;
      killed.add(pid);
      Deno.kill(pid, "SIGKILL");
    }
    const results = await within(10_000, "the rest", mapping);
    assertEquals(results, inputs, "each has its own bytes");
    console.log(
      `400 calls of 5 ms on 2 workers, ${kills} kills: ${
        (performance.now() - sinceMs).toFixed(0)
      } ms`,
    );
    await lease.close();
    await host.idle();
  },
);

Deno.test(
  anyFabric("a call that is not declared idempotent is never retried once it may have run"),
  async () => {
    await using host = await ProcessHost.start();
    await using client = await host.connect();
    await using lease = await host.lease(client, { depth: 3, idempotent: ["hold"] });
    const under = [lease.invoke("never", bytes), lease.invoke("never", bytes)];
    await lease.invoke("echo", bytes); // both have begun
    using held = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
    held.input.set(bytes);
    const waiting = [lease.invoke("count", bytes), lease.invoke("count", bytes)];
    const failures = Promise.all(under.map((call) => lost(call)));
    Deno.kill(await host.executor(), "SIGKILL");
    for (const { error } of await failures) assertEquals(error.outcome, "unknown");
    // Calls that waited have not run: they run once, on the next executor.
    const counts = await within(3000, "the waiting calls", Promise.all(waiting));
    assertEquals(counts.map((reply) => new DataView(reply.buffer).getUint32(0)).sort(), [1, 2]);
  },
);

Deno.test(
  anyFabric("an executor killed repeatedly, also while it starts, is replaced every time"),
  async () => {
    await using host = await ProcessHost.start();
    await using client = await host.connect();
    await using lease = await host.lease(client);
    for (let round = 0; round < scaledCount(12, 3); round++) {
      const [pid] = host.executors();
      if (pid !== undefined) killIfThere(pid);
      if (round % 3 !== 2) { // every third time the executor has the time to start
        await until(
          () => host.executors().some((other) => other !== pid),
          () => "the next one starts",
        );
        continue;
      }
      const echoed = await within(5000, "the call after a kill", retry(lease));
      assertEquals(echoed, bytes);
    }
    await lease.close();
    await host.idle();
  },
);

/** Calls again after a late kill has cut a call off, as an app would. */
async function retry(lease: Lease): Promise<Uint8Array> {
  for (;;) {
    try {
      return await lease.invoke("echo", bytes);
    } catch (error) {
      assertInstanceOf(error, ExecutorLostError);
    }
  }
}

Deno.test(
  anyFabric(
    "an executor that is killed without end is given up, and the lease ends with the reason",
  ),
  async () => {
    await using host = await ProcessHost.start();
    await using client = await host.connect();
    await using lease = await host.lease(client);
    const over = lease.closed;
    let ended = false;
    over.then(() => ended = true);
    await until(
      () => {
        for (const pid of host.executors()) killIfThere(pid);
        return ended;
      },
      () => "the lease is given up",
      15_000,
    );
    assertEquals((await over).code, "crash-loop");
    const error = await assertRejects(() => lease.invoke("echo", bytes), LeaseOverError);
    assertEquals(error.code, "crash-loop");
    await host.idle();
  },
);

async function stopAndContinue(host: ProcessHost, client: Client): Promise<void> {
  await using lease = await host.lease(client, { depth: 4 });
  using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
  call.input.fill(1);
  call.invokeSync(64);
  const pid = await host.executor();
  await stop(pid);
  const sinceMs = performance.now();
  assertThrows(() => call.invokeSync(64, { deadlineMs: 50 }), DeadlineExceededError);
  await assertRejects(
    () => lease.invoke("echo", bytes, { deadlineMs: 50 }),
    DeadlineExceededError,
  );
  assert(performance.now() - sinceMs < limitMs(1000));
  const waiting = lease.invoke("echo", Uint8Array.of(42));
  Deno.kill(pid, "SIGCONT");
  assertEquals(
    await within(5000, "the call without a deadline", again(waiting, lease)),
    Uint8Array.of(42),
  );
  call.input.fill(3);
  assertEquals(call.invokeSync(64), 64);
  assertEquals(call.output.slice(0, 64), new Uint8Array(64).fill(3));
}

/** Calls again if the watchdog ended the executor, because calls with a deadline overran while it was stopped. */
async function again(work: Promise<Uint8Array>, lease: Lease): Promise<Uint8Array> {
  try {
    return await work;
  } catch (error) {
    assertInstanceOf(error, ExecutorLostError);
    return await lease.invoke("echo", Uint8Array.of(42));
  }
}

Deno.test(
  anyFabric(
    "a stopped executor is noticed and replaced, and calls that it had begun are lost by name",
  ),
  async () => {
    await using host = await ProcessHost.start();
    await using client = await host.connect();
    await using lease = await host.lease(client);
    const begun = lease.invoke("never", bytes);
    await lease.invoke("echo", bytes);
    const pid = await host.executor();
    await stop(pid);
    const waiting = lease.invoke("echo", bytes);
    const error = await assertRejects(
      () => within(4000, "the end of the call", begun),
      ExecutorLostError,
      "stopped its process",
    );
    assertEquals([error.code, error.outcome], ["silent", "unknown"]);
    await until(() => !isAlive(pid), () => "the stopped executor is ended", 3000);
    if (testFabric() === "shm") {
      assertEquals(await within(5000, "the call that had not begun", waiting), bytes);
    } else await assertRejects(() => waiting, ExecutorLostError);
    assertEquals(await within(5000, "the next call", lease.invoke("echo", bytes)), bytes);
    await lease.close();
    await host.idle();
  },
);
