/** Calls that are given up, by a signal or a deadline, while their function runs on. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { Lease } from "../../runtime/client/lease.ts";
import type { LeaseEvent } from "../../runtime/client/lease_events.ts";
import { DeadlineExceededError, ExecutorLostError } from "../../runtime/errors.ts";
import { type Cluster, startCluster } from "../support/cluster/cluster.ts";
import { packageOf } from "../support/functions/functions_package.ts";
import { limitMs, timeFactor } from "../support/time_factor.ts";
import { until, within } from "../support/waiting.ts";

const none = new Uint8Array();
/** A call has begun by then, also on a worker that is interrupted. One that has not begun is not run, and ends nothing. */
const BEGUN_MS = 1000;
/** Longer than a worker is interrupted: what returns within it is not late. */
const LONG_GRACE_MS = 3000;
const POOL = { initial: 2, min: 2, max: 4, idleMs: 60_000, increment: 0 };

const functions = packageOf(`
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  let ended = 0;
  export function spin() { for (;;); }
  export async function spinLater() { await wait(1); for (;;); }
  export async function nap(input) { await wait(input[0]); return 0; }
  export async function listens(input, output, { signal }) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    ended++;
    return 0;
  }
  export const left = (input, output, { timeLeftMs }) => {
    new Float64Array(output.buffer, output.byteOffset, 1)[0] = timeLeftMs;
    return 8;
  };
  let release, released = new Promise((resolve) => release = resolve);
  const read = new TextEncoder();
  export async function holds(input, output, context) {
    await released;
    seen.push([input.length, output.length, context.signal.aborted]);
    output[0] = 9;
    return 1;
  }
  const seen = [];
  export const sets = () => (release(), 0);
  export const looks = (input, output) => read.encodeInto(JSON.stringify(seen), output).written;
  export const never = () => new Promise(() => {});
  export const count = (input, output) => (output[0] = ended, 1);
  export const echo = (input, output) => (output.set(input), input.length);
`);

async function lease(cluster: Cluster, more = {}): Promise<Lease & { lost: LeaseEvent[] }> {
  const client = await cluster.connect();
  const taken = await client.lease({ functions, maxBytes: 64, ...more });
  const lost: LeaseEvent[] = [];
  (async () => {
    for await (const event of taken.status()) if (event.type === "lost") lost.push(event);
  })();
  return Object.assign(taken, { lost });
}

Deno.test("calls that are given up", async (t) => {
  await using cluster = await startCluster({ cores: 4, pool: POOL });

  await t.step(
    "the next call after a loop that was aborted is answered within a second",
    async () => {
      await using held = await lease(cluster);
      const tookAllMs: number[] = [];
      for (let round = 0; round < 3; round++) {
        const signal = AbortSignal.timeout(BEGUN_MS);
        await assertRejects(() => held.invoke("spin", none, { signal }), DOMException);
        const sinceMs = performance.now();
        assertEquals(await held.invoke("echo", Uint8Array.of(round)), Uint8Array.of(round));
        const tookMs = performance.now() - sinceMs;
        tookAllMs.push(tookMs);
        await until(() => held.lost.length === round + 1, () => "the event");
      }
      // A busy host may take longer now and then.
      assert(Math.min(...tookAllMs) < limitMs(1000), `answered after ${tookAllMs} ms`);
      for (const event of held.lost) {
        assert(
          event.type === "lost" && event.reason.code === "abandoned",
        );
      }
    },
  );

  await t.step("a function that returns when its signal fires keeps its worker", async () => {
    await using held = await lease(cluster, { graceMs: LONG_GRACE_MS });
    for (const how of ["signal", "deadline"]) {
      const options = how === "signal"
        ? { signal: AbortSignal.timeout(BEGUN_MS) }
        : { deadlineMs: BEGUN_MS };
      // On a busy host its reply may come before this thread's timer.
      await held.invoke("listens", none, options).catch(() => {});
      assertEquals(await held.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
    }
    await until(
      async () => (await held.invoke("count", none))[0] === 2,
      () => "both functions have returned",
    );
    assertEquals(held.lost, []);
  });

  await t.step(
    "an asynchronous function that ignores its deadline is ended after the grace period",
    async () => {
      await using held = await lease(cluster, { workers: 2, graceMs: LONG_GRACE_MS });
      const sinceMs = performance.now();
      const late = assertRejects(
        () => held.invoke("nap", Uint8Array.of(255), { worker: 0, deadlineMs: 50 }),
        DeadlineExceededError,
      );
      await late;
      await new Promise((resolve) => setTimeout(resolve, 250)); // by then it has returned
      const signal = AbortSignal.timeout(1);
      const aborted = assertRejects(() => held.invoke("listens", none, { worker: 1, signal }));
      const never = assertRejects(
        () => held.invoke("spinLater", none, { worker: 0, deadlineMs: BEGUN_MS }),
        DeadlineExceededError,
      );
      const beside = held.invoke("nap", Uint8Array.of(200), { worker: 1 });
      await Promise.all([aborted, never, beside]);
      await until(() => held.lost.length === 1, () => "the loop of the event loop is ended");
      assert(performance.now() - sinceMs < BEGUN_MS + LONG_GRACE_MS + limitMs(5000));
      // One loss, of the loop: the call before it returned in time.
      assertEquals(held.lost.map((event) => "worker" in event && event.worker), [0]);
    },
  );

  await t.step("slow asynchronous calls with a deadline cost no other call", async () => {
    await using held = await lease(cluster, { workers: 2, graceMs: LONG_GRACE_MS });
    const failures: unknown[] = [];
    const untilMs = performance.now() + 1500;
    let calls = 0;
    const lane = async (offset: number) => {
      for (let i = offset; performance.now() < untilMs; i++) {
        const ms = i % 20 === 0 ? 200 : 5;
        calls++;
        await held.invoke("nap", Uint8Array.of(ms), { deadlineMs: 100 }).catch((error) =>
          failures.push(error)
        );
      }
    };
    await within(10_000, "the calls", Promise.all([1, 4, 7, 10, 13, 16, 19, 22].map(lane)));
    for (const error of failures) assertInstanceOf(error, DeadlineExceededError);
    assertEquals(held.lost, []);
    assert(failures.length < calls / 2 || timeFactor() > 1, `${failures.length} of ${calls}`);
  });

  await t.step(
    "slots of asynchronous calls that are given up serve other calls while the functions run on",
    async () => {
      await using held = await lease(cluster, { depth: 2, graceMs: 600_000 });
      const call = (options: { signal?: AbortSignal; deadlineMs?: number }) =>
        assertRejects(() => held.invoke("holds", none, options));
      for (const options of [{ deadlineMs: 100 }, { signal: AbortSignal.timeout(300) }]) {
        await Promise.all([call(options), call(options), call(options)]);
      }
      const text = async () =>
        new TextDecoder().decode(await within(5000, "a slot", held.invoke("looks", none)));
      assertEquals(await text(), "[]");
      await within(5000, "a slot", held.invoke("sets", none));
      await until(async () => (await text()) !== "[]", () => "the functions have returned");
      const seen: unknown[] = JSON.parse(await text());
      assert(seen.length >= 2, `${seen.length} calls had begun`);
      for (const each of seen) assertEquals(each, [0, 0, true]);
      for (let i = 0; i < 4; i++) {
        assertEquals(await held.invoke("echo", Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
      }
      assertEquals(held.lost, []);
    },
  );

  await t.step("a function that never settles ends its worker after the grace period", async () => {
    await using held = await lease(cluster, { graceMs: LONG_GRACE_MS });
    for (
      const [code, options] of [
        ["deadline", () => ({ deadlineMs: BEGUN_MS })],
        ["abandoned", () => ({ signal: AbortSignal.timeout(2 * BEGUN_MS), deadlineMs: 60_000 })],
      ] as const
    ) {
      await assertRejects(() => held.invoke("never", none, options()));
      assertEquals(await held.invoke("echo", Uint8Array.of(5)), Uint8Array.of(5));
      await until(() => held.lost.length === 1, () => "the event");
      const event = held.lost.pop()!;
      assert(event.type === "lost" && event.reason.code === code, JSON.stringify(event));
    }
  });

  await t.step(
    "calls beside one that is given up, and never returns, fail by name if they had begun",
    async () => {
      await using held = await lease(cluster, { graceMs: 100 });
      const signal = AbortSignal.timeout(BEGUN_MS);
      const beside = assertRejects(() => held.invoke("listens", none), ExecutorLostError);
      const aborted = assertRejects(() => held.invoke("spin", none, { signal }), DOMException);
      const input = Uint8Array.of(7);
      const behind = held.invoke("echo", input);
      input.fill(0); // the caller may reuse its memory
      await aborted;
      const error = await within(5000, "the loss", beside);
      assertEquals([error.code, error.outcome], ["abandoned", "unknown"]);
      assertEquals(await within(5000, "the call behind it", behind), Uint8Array.of(7));
      assertEquals(await held.invoke("echo", Uint8Array.of(3)), Uint8Array.of(3));
    },
  );

  await t.step("a worker receives deadlines of minutes, hours and days", async () => {
    await using held = await lease(cluster);
    for (const deadlineMs of [60_000, 2_147_483, 2_147_484, 3_600_000 * 5, 86_400_000 * 20]) {
      const reply = await held.invoke("left", none, { deadlineMs });
      const leftMs = new Float64Array(reply.buffer)[0]!;
      assert(leftMs <= deadlineMs + 1 && leftMs > deadlineMs - 5000, `${leftMs} of ${deadlineMs}`);
    }
    const reply = await held.invoke("left", none);
    assertEquals(new Float64Array(reply.buffer)[0], Infinity);
  });
});
