import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Busy, DeadlineExceeded, ExecutorLost, type Lease, LeaseOver } from "../../../mod.ts";
import { startLease, within } from "../../support/cluster_lease.ts";
import { limitMs, timeFactor } from "../../support/time_factor.ts";
import { anyFabric } from "../../support/test_fabric.ts";

const none = new Uint8Array();

/** The next event of a kind, asked for before it can have come. */
function next(lease: Lease, type: string): Promise<void> {
  const events = lease.status();
  const coming = (async () => {
    for await (const event of events) if (event.type === type) return;
    throw new Error(`the lease ended without ${type}`);
  })();
  coming.catch(() => {}); // a test that fails before it awaits this shall say why
  return coming;
}

Deno.test("invoke() never lets the late reply of a call given up answer another call", async () => {
  await using held = await startLease({ depth: 2, maxBytes: 64 });
  const { lease } = held;
  for (let round = 0; round < 10; round++) {
    // Given up by a signal, not by a deadline, which the worker's watchdog would enforce before long.
    const gone = new AbortController();
    const late = lease.invoke("later", Uint8Array.of(10), { signal: gone.signal });
    gone.abort(new Error(`round ${round}`));
    await assertRejects(() => late, Error, `round ${round}`);
    const replies = await Promise.all(
      Array.from(
        { length: 50 },
        (_, i) => lease.invoke(i % 2 ? "echo" : "later", Uint8Array.of(i % 5)),
      ),
    );
    replies.forEach((reply, i) => assertEquals(reply, Uint8Array.of(i % 5)));
  }
  // Both slots are there again, once the last late reply has come.
  assertEquals(await lease.invoke("later", Uint8Array.of(30)), Uint8Array.of(30));
  using a = lease.prepare("echo");
  using b = lease.prepare("echo");
  assertEquals([a.invokeSync(1), b.invokeSync(1)], [1, 1]);
});

Deno.test("invoke() keeps the slot of a call given up out of use until its reply has come", async () => {
  await using held = await startLease({ depth: 1, maxBytes: 64 });
  const { lease } = held;
  const gone = new AbortController();
  const given = lease.invoke("later", Uint8Array.of(120), { signal: gone.signal });
  const reason = new Error("no more");
  gone.abort(reason);
  assertStrictEquals(await assertRejects(() => given), reason);
  assertThrows(() => lease.prepare("echo"), Busy, "every slot of worker 0 is in use");
  await assertRejects(() => lease.invoke("echo", none, { deadlineMs: 20 }), DeadlineExceeded);
  assertEquals(await lease.invoke("echo", Uint8Array.of(3)), Uint8Array.of(3));
  using call = lease.prepare("echo");
  assertEquals(call.invokeSync(1), 1);
});

Deno.test(
  anyFabric("invoke() throws the signal's reason at once: before, while waiting, and under way"),
  async () => {
    await using held = await startLease({ depth: 1, maxBytes: 64 });
    const { lease } = held;
    const reason = { any: "value" };
    await lease.invoke("echo", none).then((reply) => assertEquals(reply.length, 0));
    const caught = (work: Promise<unknown>) =>
      work.then(() => "no error", (error: unknown) => error);
    assertStrictEquals(
      await caught(lease.invoke("count", none, { signal: AbortSignal.abort(reason) })),
      reason,
    );
    const [posted, waiting] = [new AbortController(), new AbortController()];
    const first = caught(lease.invoke("later", Uint8Array.of(100), { signal: posted.signal }));
    const second = caught(lease.invoke("count", none, { signal: waiting.signal }));
    const atMs = performance.now();
    waiting.abort(reason);
    posted.abort(reason);
    assertStrictEquals(await second, reason);
    assertStrictEquals(await first, reason);
    assert(performance.now() - atMs < limitMs(60), "the reply of 100 ms was not waited for");
    const reply = await lease.invoke("count", none);
    assertEquals(
      new DataView(reply.buffer).getUint32(0),
      1,
      "what was aborted before and while waiting never ran",
    );
  },
);

/** What `call` throws, if it does. */
function failureOf(call: () => void): Error | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** What `call` gives once no executor is lost to it: the watchdog of a busy host ends one now and then. */
async function whenRecovered<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ExecutorLost)) throw error;
    }
  }
}

Deno.test("invokeSync() with a deadline throws in time, takes another slot, and gets the first one back", async () => {
  await using held = await startLease({ depth: 1, maxBytes: 64 });
  const { lease } = held;
  let rounds = 0;
  for (let round = 0; round < 10; round++) {
    using call = lease.prepare("later", { bytes: 1, resultBytes: 1 });
    call.input[0] = 15;
    const atMs = performance.now();
    const error = failureOf(() => call.invokeSync(1, { deadlineMs: 8 }));
    const tookMs = performance.now() - atMs;
    if (error === undefined) {
      assert(tookMs > 15, "a reply that is there counts: this thread had no core from 8 ms on");
      continue;
    }
    assertInstanceOf(error, DeadlineExceeded);
    assertStringIncludes(error.message, "8 ms have passed");
    assert(tookMs < limitMs(200));
    // This thread never turns its event loop: the only slot has to come back all the same.
    for (;;) {
      try {
        call.input[0] = 0;
        assertEquals(call.invokeSync(1), 1);
        assertEquals(call.output[0], 0);
        rounds++;
        break;
      } catch (error) {
        if (error instanceof ExecutorLost) break; // this host is so busy that the watchdog came first
        assert(error instanceof Busy, `${error}`);
        assert(
          performance.now() - atMs < limitMs(5000),
          "the slot of the late reply does not come back",
        );
      }
    }
    call.close();
    assertEquals(
      await whenRecovered(() => lease.invoke("later", Uint8Array.of(0))),
      Uint8Array.of(0),
    );
  }
  // A slow machine has no reply that is late by less than what the watchdog lets pass.
  assert(rounds > 0 || timeFactor() > 1);
});

Deno.test("DeadlineExceeded, then ExecutorLost: a spinning function is ended, the lease recovers", async () => {
  await using held = await startLease({
    depth: 2,
    maxBytes: 64,
    workers: 2,
    idempotent: ["later"],
  });
  const { lease } = held;
  using call = lease.prepare("echo", { bytes: 1, resultBytes: 1, worker: 1 });
  assertEquals(call.invokeSync(1), 1);
  const recovered = next(lease, "recovered");
  const atMs = performance.now();
  const spinning = assertRejects(
    () => lease.invoke("spin", none, { deadlineMs: 50, worker: 0 }),
    DeadlineExceeded,
  );
  // On the other worker of the same executor: one fails with it, one is done again.
  const beside = assertRejects(() => lease.invoke("never", none, { worker: 1 }), ExecutorLost);
  const again = lease.invoke("later", Uint8Array.of(200), { worker: 1 });
  again.catch(() => {}); // awaited below, if nothing fails before
  await spinning;
  assert(performance.now() - atMs < limitMs(300));
  const lost: ExecutorLost = await within(2000, "the loss", beside);
  assertEquals(lost.outcome, "unknown");
  assert(String((lost.cause as Error).message).startsWith("deadline: "), `${lost.cause}`);
  const had = /deadline: a call ran on after its (\d+(?:\.\d+)?) ms/.exec(lost.message)?.[1];
  assert(Number(had) <= 50 && Number(had) >= 50 - limitMs(1), lost.message);
  assertEquals(await within(5000, "the idempotent call", again), Uint8Array.of(200));
  await within(5000, "recovery", recovered);
  call.input[0] = 7;
  assertEquals(call.invokeSync(1), 1, "a prepared call takes a slot of the fresh executor");
  assertEquals(call.output[0], 7);
  const count = await lease.invoke("count", none, { worker: 1 });
  assertEquals(new DataView(count.buffer).getUint32(0), 1, "it is another process");
});

Deno.test(
  anyFabric(
    "invokeSync() of a spinning function: deadline, loss, recovery, all on a thread that blocks",
  ),
  async () => {
    await using held = await startLease({ depth: 1, maxBytes: 64 });
    const { lease } = held;
    const recovered = next(lease, "recovered");
    using call = lease.prepare("spin", { bytes: 0, resultBytes: 0 });
    assertThrows(() => call.invokeSync(0, { deadlineMs: 30 }), DeadlineExceeded);
    // Its only slot is quarantined until the executor is gone.
    const error = assertThrows(() => call.invokeSync(0, { deadlineMs: 30 }));
    assert(error instanceof Busy || error instanceof ExecutorLost, `${error}`);
    await within(5000, "recovery", recovered);
    assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
    assertThrows(() => call.invokeSync(0, { deadlineMs: 30 }), DeadlineExceeded);
  },
);

Deno.test(
  anyFabric(
    "invoke() waits through a recovery, and fails with LeaseOver if the lease is closed meanwhile",
  ),
  async () => {
    await using held = await startLease({ depth: 1, maxBytes: 64 });
    const { lease } = held;
    const lost = next(lease, "lost");
    await assertRejects(() => lease.invoke("spin", none, { deadlineMs: 10 }), DeadlineExceeded);
    await within(2000, "the loss", lost);
    assertEquals(
      await within(5000, "a call", lease.invoke("echo", Uint8Array.of(1))),
      Uint8Array.of(1),
    );
    const again = next(lease, "lost");
    await assertRejects(() => lease.invoke("spin", none, { deadlineMs: 10 }), DeadlineExceeded);
    await within(2000, "the loss", again);
    const waiting = assertRejects(() => lease.invoke("echo", none), LeaseOver);
    await lease.close();
    await waiting;
  },
);

Deno.test(
  anyFabric("invoke() refuses a deadline that is no time, and takes 0 and very long ones"),
  async () => {
    await using held = await startLease({ maxBytes: 64 });
    const { lease } = held;
    using call = lease.prepare("echo", { bytes: 1, resultBytes: 1 });
    for (const deadlineMs of [-1, NaN]) {
      await assertRejects(
        () => lease.invoke("echo", none, { deadlineMs }),
        RangeError,
        "deadlineMs",
      );
      assertThrows(() => call.invokeSync(1, { deadlineMs }), RangeError, "deadlineMs");
    }
    for (const deadlineMs of [1e6, 2 ** 31, 2 ** 40, Number.MAX_VALUE, Infinity]) {
      assertEquals((await lease.invoke("echo", none, { deadlineMs })).length, 0);
      assertEquals(call.invokeSync(1, { deadlineMs }), 1);
      assertEquals(await call.invoke(1, { deadlineMs }), 1);
    }
    const settled = await lease.invoke("later", Uint8Array.of(50), { deadlineMs: 0 }).catch((
      error,
    ) => error);
    assert(settled instanceof DeadlineExceeded, `${settled}`);
  },
);
