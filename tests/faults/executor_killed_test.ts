/** What holds when an executor dies or stands still. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { DeadlineExceeded, ExecutorLost, LeaseOver } from "../../runtime/errors.ts";
import type { Lease } from "../../runtime/client/lease.ts";
import type { LeaseEvent } from "../../runtime/client/lease_events.ts";
import { stop } from "../support/process_child.ts";
import { ProcessHost } from "../support/process_host.ts";
import { isAlive, killIfThere, until, within } from "../support/process_table.ts";
import { limitMs, scaledCount, termSeconds, timeFactor } from "../support/time_factor.ts";
import { anyFabric } from "../support/test_fabric.ts";

const bytes = Uint8Array.from({ length: 64 }, (_, i) => i);

/** A call is told the reason if the node says it within half a second; a slow machine may be later. */
const KILLED = timeFactor() > 1 ? /SIGKILL|the reason is not known/ : /SIGKILL/;

/** Reads a lease's events from now on. */
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

async function lost(work: Promise<unknown>): Promise<{ error: ExecutorLost; ms: number }> {
  const sinceMs = performance.now();
  const error = await assertRejects(() => within(1000, "the call's failure", work), ExecutorLost);
  return { error, ms: performance.now() - sinceMs };
}

Deno.test("an executor killed in mid-call fails that call within a second, and the lease recovers", async (t) => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  await using lease = await host.lease(client, { workers: 2 });
  const news = watch(lease);

  await t.step("invoke", async () => {
    const calls = [lease.invoke("spin", bytes), lease.invoke("never", bytes)];
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

  await t.step("start, finish: the thread spins while it dies", async () => {
    await until(() => news.count("recovered") === 1, () => "recovered once");
    const pid = await host.executor();
    using call = lease.prepare("spin", { bytes: 64, resultBytes: 64 });
    call.start();
    const killer = new Deno.Command("kill", { args: ["-KILL", `${pid}`] }).spawn();
    const sinceMs = performance.now();
    const error = assertThrows(() => call.finish(), ExecutorLost);
    const ms = performance.now() - sinceMs;
    assert(ms < limitMs(1000), `it took ${ms} ms`);
    console.log(`kill to error, synchronous: under ${ms.toFixed(1)} ms`);
    assertEquals(error.outcome, "unknown");
    assertMatch(error.message, KILLED);
    await killer.status;
  });

  await t.step("a prepared call works again once recovered, on new memory", async () => {
    await until(() => news.count("recovered") === 2, () => "recovered twice");
    using call = lease.prepare("echo", { bytes: 64, resultBytes: 64, worker: 1 });
    const before = call.input;
    before.set(bytes);
    assertEquals(call.invokeSync(64), 64);
    Deno.kill(await host.executor(), "SIGKILL");
    await until(() => news.count("lost") === 3, () => "lost");
    const waiting = assertThrows(() => call.invokeSync(64), ExecutorLost);
    assertEquals(waiting.outcome, "not-run");
    await until(() => news.count("recovered") === 3, () => "recovered three times");
    const after = call.input;
    assert(after !== before);
    assertEquals(before.length, 0, "the old view shows nothing any more");
    after.fill(9);
    assertEquals(call.invokeSync(64), 64);
    assertEquals(call.output[63], 9);
    assertEquals(await call.invoke(64), 64);
  });

  await t.step(
    "a call that is finished only after the recovery is told why it was lost",
    async () => {
      using call = lease.prepare("spin", { bytes: 64, resultBytes: 64 });
      call.start();
      Deno.kill(await host.executor(), "SIGKILL");
      await until(() => news.count("recovered") === 4, () => "recovered four times");
      assertEquals(call.done(), true);
      const sinceMs = performance.now();
      const error = assertThrows(() => call.finish(), ExecutorLost);
      assertMatch(error.message, KILLED);
      assert(performance.now() - sinceMs < limitMs(100), "the reason is known, and not waited for");
    },
  );

  await lease.close();
  await news.done;
  assertEquals(
    news.events.map(({ type }) => type).filter((type) => type !== "renewed"),
    [...Array(4).fill(["lost", "recovered"]).flat(), "closed"],
  );
  await host.idle();
});

Deno.test("an executor killed in a loop of invokeSync fails the call under way within a second", async () => {
  await using host = await ProcessHost.start();
  await using hot = host.startClient("hotLoop");
  await hot.line();
  const pid = await host.executor();
  const atMs = Date.now();
  Deno.kill(pid, "SIGKILL");
  const told = await hot.line<{ name: string; outcome: string; message: string; atMs: number }>();
  assertEquals([told.name, told.outcome], ["ExecutorLost", "unknown"]);
  assertMatch(told.message, KILLED);
  assert(told.atMs - atMs < limitMs(1000), `it took ${told.atMs - atMs} ms`);
  console.log(`kill to error, invokeSync: ${told.atMs - atMs} ms`);
  assertEquals(await hot.ended(), { code: 0, signal: null, stderr: "" });
  await host.idle();
});

Deno.test(
  anyFabric("no idempotent call is lost, however often the executor is killed"),
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
      const pid = await host.executor();
      assert(!killed.has(pid));
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
  anyFabric("calls not declared idempotent are never done again behind the caller's back"),
  async () => {
    await using host = await ProcessHost.start();
    await using client = await host.connect();
    await using lease = await host.lease(client, { depth: 2, idempotent: ["hold"] });
    const under = [lease.invoke("spin", bytes), lease.invoke("spin", bytes)];
    const waiting = [lease.invoke("count", bytes), lease.invoke("count", bytes)];
    const failures = Promise.all(under.map((call) => lost(call)));
    Deno.kill(await host.executor(), "SIGKILL");
    for (const { error } of await failures) assertEquals(error.outcome, "unknown");
    // Those that waited had not run: they run once, on the next executor.
    const counts = await within(3000, "what waited", Promise.all(waiting));
    assertEquals(counts.map((reply) => new DataView(reply.buffer).getUint32(0)).sort(), [1, 2]);
  },
);

Deno.test(
  anyFabric("an executor killed again and again, while it starts too, comes back every time"),
  async () => {
    await using host = await ProcessHost.start();
    await using client = await host.connect();
    await using lease = await host.lease(client);
    for (let round = 0; round < scaledCount(12, 3); round++) {
      const [pid] = host.executors();
      if (pid !== undefined) killIfThere(pid);
      if (round % 3 !== 2) { // every third time it is given the time to come back
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

/** A call that was cut by a late kill is tried again, as a caller would. */
async function retry(lease: Lease): Promise<Uint8Array> {
  for (;;) {
    try {
      return await lease.invoke("echo", bytes);
    } catch (error) {
      assertInstanceOf(error, ExecutorLost);
    }
  }
}

Deno.test(
  anyFabric("an executor that is killed without end is given up, and the lease says why"),
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
    assert((await over).startsWith("crash-loop"), await over);
    await assertRejects(() => lease.invoke("echo", bytes), LeaseOver, "crash-loop");
    await host.idle();
  },
);

Deno.test("a stopped executor: a deadline strikes, and late replies answer nobody", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  await using lease = await host.lease(client, { depth: 4 });
  using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
  call.input.fill(1);
  call.invokeSync(64);
  const pid = await host.executor();
  await stop(pid);
  const sinceMs = performance.now();
  assertThrows(() => call.invokeSync(64, { deadlineMs: 50 }), DeadlineExceeded);
  await assertRejects(
    () => lease.invoke("echo", bytes, { deadlineMs: 50 }),
    DeadlineExceeded,
  );
  assert(performance.now() - sinceMs < limitMs(1000));
  const patient = lease.invoke("echo", Uint8Array.of(42));
  Deno.kill(pid, "SIGCONT");
  assertEquals(await within(5000, "the patient call", again(patient, lease)), Uint8Array.of(42));
  call.input.fill(3);
  assertEquals(call.invokeSync(64), 64);
  assertEquals(call.output.slice(0, 64), new Uint8Array(64).fill(3));
});

/** The watchdog may hold that the calls with a deadline overran while all stood still. */
async function again(work: Promise<Uint8Array>, lease: Lease): Promise<Uint8Array> {
  try {
    return await work;
  } catch (error) {
    assertInstanceOf(error, ExecutorLost);
    return await lease.invoke("echo", Uint8Array.of(42));
  }
}

Deno.test(
  anyFabric("a stopped executor: without a deadline a call ends with its lease at the latest"),
  async () => {
    await using host = await ProcessHost.start();
    await using client = await host.connect();
    await using lease = await host.lease(client, { seconds: termSeconds(2), renew: false });
    await lease.invoke("echo", bytes);
    const pid = await host.executor();
    await stop(pid);
    const waiting = lease.invoke("echo", bytes);
    await assertRejects(() => within(4000, "the end of the call", waiting), LeaseOver, "term");
    await until(() => !isAlive(pid), () => "the stopped executor is ended", 3000);
    await host.idle();
  },
);
