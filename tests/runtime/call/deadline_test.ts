/** Calls that end early: by a signal, a deadline, or the loss of the executor that passed one. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  BusyError,
  DeadlineExceededError,
  ExecutorLostError,
  type Lease,
  type LeaseEvent,
  LeaseOverError,
  type PreparedCall,
} from "../../../mod.ts";
import { within } from "../../support/waiting.ts";
import { sharedLease, test } from "../../support/cluster/shared_cluster.ts";
import { anyFabric, testFabric } from "../../support/cluster/test_fabric.ts";
import { lastingMs, limitMs, scaledCount, timeFactor } from "../../support/time_factor.ts";

const none = new Uint8Array();
/** A call has begun by then, also on a worker that is interrupted. One that has not begun is not run, and ends nothing. */
const BEGUN_MS = 1000;

/** The next event of a type. It is requested before it can happen. */
function next(lease: Lease, type: LeaseEvent["type"]): Promise<LeaseEvent> {
  const events = lease.status();
  const arriving = (async () => {
    for await (const event of events) if (event.type === type) return event;
    throw new Error(`the lease ended without ${type}`);
  })();
  arriving.catch(() => {}); // a test that fails before it awaits this reports its own failure
  return arriving;
}

/** The worker that an event of a lease names. */
async function workerOf(arriving: Promise<LeaseEvent>): Promise<number | undefined> {
  const event = await within(5000, "the event", arriving);
  return "worker" in event ? event.worker : undefined;
}

test("`invoke()` never takes the late reply of a call that was given up for another's", async () => {
  await using lease = await sharedLease({ depth: 2, maxBytes: 64 });
  for (let round = 0; round < scaledCount(10, 3); round++) {
    // Given up by a signal, and not by a deadline, which the worker's watchdog enforces.
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
  // Both slots are free again after the last late reply.
  assertEquals(await lease.invoke("later", Uint8Array.of(30)), Uint8Array.of(30));
  using a = lease.prepare("echo");
  using b = lease.prepare("echo");
  assertEquals([a.invokeSync(1), b.invokeSync(1)], [1, 1]);
});

test("`invoke()` keeps the slot of a call that was given up out of use until its reply", async () => {
  await using lease = await sharedLease({ depth: 2, maxBytes: 64 });
  const gone = new AbortController();
  using other = lease.prepare("holdLong"); // has the second slot, and the worker's thread
  other.input[0] = 120; // 1.2 s
  other.start(1);
  const given = lease.invoke("later", Uint8Array.of(0), { signal: gone.signal });
  const reason = new Error("no more");
  gone.abort(reason);
  assertStrictEquals(await assertRejects(() => given), reason);
  assertThrows(() => lease.prepare("echo"), BusyError, "every slot of worker 0 is in use");
  await assertRejects(() => lease.invoke("echo", none, { deadlineMs: 20 }), DeadlineExceededError);
  assertEquals(await lease.invoke("echo", Uint8Array.of(3)), Uint8Array.of(3));
  other.finish();
  using call = lease.prepare("echo");
  assertEquals(call.invokeSync(1), 1);
});

test(anyFabric("`invoke()` of a call that was given up before it began runs nothing"), async () => {
  await using lease = await sharedLease({ depth: 4, maxBytes: 64 });
  using busy = lease.prepare("holdLong");
  busy.input[0] = 120; // 1.2 s: this thread gives the calls up before, also if it is interrupted
  busy.start(1);
  const reasons = [{ deadlineMs: 20 }, { signal: AbortSignal.timeout(20) }, { deadlineMs: 0 }];
  const calls = reasons.map((options) => assertRejects(() => lease.invoke("count", none, options)));
  await Promise.all(calls);
  busy.finish();
  const reply = await lease.invoke("count", none);
  assertEquals(new DataView(reply.buffer).getUint32(0), 1);
});

test(
  anyFabric(
    "`invoke()` rejects with the signal's reason at once: before the call, queued, in flight",
  ),
  async () => {
    await using lease = await sharedLease({ depth: 1, maxBytes: 64 });
    const reason = { any: "value" };
    await lease.invoke("echo", none).then((reply) => assertEquals(reply.length, 0));
    const caught = (work: Promise<unknown>) =>
      work.then(() => "no error", (error: unknown) => error);
    assertStrictEquals(
      await caught(lease.invoke("count", none, { signal: AbortSignal.abort(reason) })),
      reason,
    );
    const [posted, waiting] = [new AbortController(), new AbortController()];
    const first = caught(lease.invoke("laterLong", Uint8Array.of(200), { signal: posted.signal }));
    const second = caught(lease.invoke("count", none, { signal: waiting.signal }));
    const atMs = performance.now();
    waiting.abort(reason);
    posted.abort(reason);
    assertStrictEquals(await second, reason);
    assertStrictEquals(await first, reason);
    assert(performance.now() - atMs < 1900, "the reply after 2 s was not waited for");
    const reply = await lease.invoke("count", none);
    assertEquals(
      new DataView(reply.buffer).getUint32(0),
      1,
      "what was aborted before and while waiting never ran",
    );
  },
);

/** The error that `call` throws; `undefined` if it does not. */
function failureOf(call: () => void): Error | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** The result of `call` without the loss of an executor: on a busy host the watchdog ends one at times. */
async function whenRecovered<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ExecutorLostError)) throw error;
    }
  }
}

test("`invokeSync()` throws at its deadline, uses another slot, and the first one becomes free", async () => {
  await using lease = await sharedLease({ depth: 1, maxBytes: 64 });
  let rounds = 0;
  for (let round = 0; round < 10; round++) {
    using call = lease.prepare("later", { bytes: 1, resultBytes: 1 });
    call.input[0] = 15;
    const atMs = performance.now();
    const error = failureOf(() => call.invokeSync(1, { deadlineMs: 8 }));
    const tookMs = performance.now() - atMs;
    if (error === undefined) {
      assert(tookMs > 15, "a reply that has arrived counts: this thread had no core from 8 ms on");
      continue;
    }
    assertInstanceOf(error, DeadlineExceededError);
    assertStringIncludes(error.message, "its deadline of 8 ms has passed");
    assert(tookMs < limitMs(200));
    // This thread never turns its event loop. The only slot has to become free anyway.
    for (;;) {
      try {
        call.input[0] = 0;
        assertEquals(call.invokeSync(1), 1);
        assertEquals(call.output[0], 0);
        rounds++;
        break;
      } catch (error) {
        if (error instanceof ExecutorLostError) break; // on a busy host the watchdog is first
        assert(error instanceof BusyError, `${error}`);
        assert(
          performance.now() - atMs < limitMs(5000),
          "the slot of the late reply does not become free",
        );
      }
    }
    call.close();
    assertEquals(
      await whenRecovered(() => lease.invoke("later", Uint8Array.of(0))),
      Uint8Array.of(0),
    );
  }
  // On a slow machine no reply is late by less than the time that the watchdog allows.
  assert(rounds > 0 || timeFactor() > 1);
});

test("a spinning function loses its own worker only, with the other calls there, and the lease recovers", async () => {
  await using lease = await sharedLease({
    depth: 2,
    maxBytes: 64,
    workers: 2,
    idempotent: ["later"],
  });
  using call = lease.prepare("echo", { bytes: 1, resultBytes: 1, worker: 1 });
  const recovered = next(lease, "recovered");
  const lost = next(lease, "lost");
  const atMs = performance.now();
  const deadlineMs = lastingMs(BEGUN_MS);
  const spinning = assertRejects(
    () => lease.invoke("spin", none, { deadlineMs, worker: 0 }),
    DeadlineExceededError,
  );
  // Behind it on the same worker a call has not begun. In shared memory the client learns that, and the call runs on the
  // next executor. The other worker goes on.
  const runsAgain = testFabric() === "shm";
  const counted = lease.invoke("count", none, { worker: 0 });
  const behind: Promise<unknown> = runsAgain
    ? counted
    : assertRejects(() => counted, ExecutorLostError);
  const beside = lease.invoke("later", Uint8Array.of(200), { worker: 1 });
  await spinning;
  assert(performance.now() - atMs < deadlineMs + limitMs(300));
  const again = lease.invoke("later", Uint8Array.of(1), { worker: 0 });
  call.input[0] = 7;
  for (let i = 0; i < 1000; i++) assertEquals(call.invokeSync(1), 1);
  assertEquals(call.output[0], 7, "the slot is the same");
  await within(5000, "the call behind it", behind);
  assertEquals(await within(5000, "the call beside it", beside), Uint8Array.of(200));
  assertEquals(await within(5000, "the idempotent call", again), Uint8Array.of(1));
  assertEquals(await workerOf(lost), 0);
  assertEquals(await workerOf(recovered), 0);
  assertEquals(call.invokeSync(1), 1);
  const counts: number[] = [];
  for (const worker of [0, 1, 1]) {
    const count = await lease.invoke("count", none, { worker });
    counts.push(new DataView(count.buffer).getUint32(0));
  }
  assertEquals(counts, [runsAgain ? 2 : 1, 1, 2], "each worker is a process");
});

test(
  anyFabric(
    "`invokeSync()` of a spinning function reports deadline, loss and recovery on a blocked thread",
  ),
  async () => {
    await using lease = await sharedLease({ depth: 1, maxBytes: 64 });
    using call = lease.prepare("spin", { bytes: 0, resultBytes: 0 });
    const { recovered } = await passesDeadline(lease, call, BEGUN_MS);
    // Its only slot is out of use until the executor has ended.
    const error = assertThrows(() => call.invokeSync(0, { deadlineMs: 30 }));
    assert(error instanceof BusyError || error instanceof ExecutorLostError, `${error}`);
    await within(5000, "recovery", recovered);
    assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
    await passesDeadline(lease, call, 30);
  },
);

/** Calls until the call fails by its deadline. @returns the recovery after it. */
async function passesDeadline(lease: Lease, call: PreparedCall, deadlineMs: number) {
  for (let left = 3;; left--) {
    const recovered = next(lease, "recovered");
    const error = assertThrows(() => call.invokeSync(0, { deadlineMs }));
    if (error instanceof DeadlineExceededError) return { recovered };
    // A thread that is interrupted before it first reads the clock sees the end of its executor before its deadline.
    assert(left > 0 && error instanceof ExecutorLostError, `${error}`);
    await within(5000, "recovery", recovered);
  }
}

test(
  anyFabric(
    "`invoke()` waits through a recovery, and fails with LeaseOverError if the lease closes",
  ),
  async () => {
    await using lease = await sharedLease({ depth: 1, maxBytes: 64 });
    const lost = next(lease, "lost");
    await assertRejects(
      () => lease.invoke("spin", none, { deadlineMs: BEGUN_MS }),
      DeadlineExceededError,
    );
    await within(2000, "the loss", lost);
    assertEquals(
      await within(5000, "a call", lease.invoke("echo", Uint8Array.of(1))),
      Uint8Array.of(1),
    );
    const again = next(lease, "lost");
    await assertRejects(
      () => lease.invoke("spin", none, { deadlineMs: BEGUN_MS }),
      DeadlineExceededError,
    );
    await within(2000, "the loss", again);
    const waiting = assertRejects(() => lease.invoke("echo", none), LeaseOverError);
    await lease.close();
    await waiting;
  },
);

test(
  anyFabric("`invoke()` refuses a deadline that is negative or NaN, and accepts 0 and long ones"),
  async () => {
    await using lease = await sharedLease({ maxBytes: 64 });
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
    assert(settled instanceof DeadlineExceededError, `${settled}`);
  },
);
