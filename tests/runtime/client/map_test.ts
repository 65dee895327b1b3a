/** Many inputs, with results in order, and the first failure. */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import {
  ArgumentTooLongError,
  DeadlineExceededError,
  FunctionError,
  type Lease,
} from "../../../mod.ts";
import { mapInputs } from "../../../runtime/client/map.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { within } from "../../support/waiting.ts";

const bytes = (i: number) => Uint8Array.of(i, i >> 8);

async function callsMade(lease: Lease): Promise<number> {
  const reply = await lease.invoke("count", new Uint8Array());
  return new DataView(reply.buffer).getUint32(0);
}

Deno.test("`map()` returns the results of any iterable in the order of its inputs", async () => {
  await using held = await startLease({ workers: 2, depth: 4, maxBytes: 64 });
  const { lease } = held;
  const inputs = Array.from({ length: 300 }, (_, i) => bytes(i));
  const progress: [number, number | undefined][] = [];
  const onProgress = ({ done, total }: { done: number; total: number | undefined }) =>
    void progress.push([done, total]);
  assertEquals(await lease.map("echo", inputs, { onProgress }), inputs);
  assertEquals(progress, inputs.map((_, i) => [i + 1, 300]));
  progress.length = 0;
  assertEquals(await lease.map("echo", new Set(inputs), { onProgress, concurrency: 3 }), inputs);
  assertEquals(progress.at(-1), [300, undefined]);
  async function* slowly() {
    for (const input of inputs) {
      if (input[0]! % 64 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      yield input;
    }
  }
  assertEquals(await lease.map("echo", slowly()), inputs);
  assertEquals(await lease.map("echo", []), []);
  // Later inputs end first: 20, 10, 0 ms.
  const backwards = [20, 10, 0].map((ms) => Uint8Array.of(ms));
  assertEquals(await lease.map("later", backwards), backwards);
});

Deno.test("`map()` makes its calls at once, so that they run on all workers", async () => {
  const replies: PromiseWithResolvers<Uint8Array<ArrayBuffer>>[] = [];
  const mapping = mapInputs([1, 2, 3, 4, 5].map(bytes), 4, {}, () => {
    const reply = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    replies.push(reply);
    return reply.promise;
  });
  assertEquals(replies.length, 4, "before any reply");
  replies.forEach(({ resolve }, i) => resolve(bytes(i)));
  while (replies.length < 5) await new Promise((resolve) => setTimeout(resolve));
  replies[4]!.resolve(bytes(4));
  assertEquals(await mapping, [0, 1, 2, 3, 4].map(bytes));
});

Deno.test("`map()` ends at the first failure, with its index, and gives up the other calls", async () => {
  await using held = await startLease({ depth: 2, maxBytes: 64 });
  const { lease } = held;
  let taken = 0;
  let returned = false;
  function* inputs() {
    try {
      for (;;) {
        taken++;
        yield taken === 6 ? new Uint8Array(65) : Uint8Array.of(taken);
      }
    } finally {
      returned = true;
    }
  }
  const tooLong = await assertRejects(() => lease.map("echo", inputs(), { concurrency: 2 }));
  assertEquals((tooLong as FunctionError).index, 5);
  assert(returned, "the iterator's `finally` ran");
  assert(taken <= 8, `${taken} inputs were taken for 2 at a time`);

  const text = (content: string) => new TextEncoder().encode(content);
  const error = await assertRejects(
    () => lease.map("fail", [text("a"), text("b")], { concurrency: 1 }),
    FunctionError,
  );
  assertEquals([error.index, error.message], [0, "fail threw TypeError: a"]);

  const late = await assertRejects(
    () =>
      lease.map("laterLong", [0, 0, 200, 0].map((hundredths) => Uint8Array.of(hundredths)), {
        deadlineMs: 1000, // the others meet it, also if a thread is interrupted
        concurrency: 1,
      }),
    DeadlineExceededError,
  );
  assertEquals(late.index, 2);
});

Deno.test("an error of `map()` carries the results until then, and `mapSettled()` has an outcome for each input", async () => {
  await using held = await startLease({ depth: 1, maxBytes: 64 });
  const { lease } = held;
  const inputs = [bytes(1), bytes(2), new Uint8Array(65), bytes(4)];
  const error = await assertRejects(() => lease.map("echo", inputs), ArgumentTooLongError);
  assertEquals([error.index, error.results], [2, [bytes(1), bytes(2)]]);

  const progress: number[] = [];
  const onProgress = ({ done }: { done: number }) => void progress.push(done);
  const outcomes = await lease.mapSettled("echo", inputs, { onProgress });
  assertEquals(
    outcomes.map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value : outcome.reason.index
    ),
    [bytes(1), bytes(2), 2, bytes(4)],
  );
  assertEquals(progress, [1, 2, 3, 4]);
  assertEquals(await lease.mapSettled("echo", new Set<Uint8Array>()), []);
});

Deno.test("`mapSettled()` rejects with the signal's reason, and with what the iterable throws", async () => {
  await using held = await startLease({ depth: 1, maxBytes: 64 });
  const { lease } = held;
  const mine = new Error("mine");
  function* bad() {
    yield bytes(1);
    throw mine;
  }
  assertStrictEquals(await assertRejects(() => lease.mapSettled("echo", bad())), mine);
  const goes = new AbortController();
  const mapping = assertRejects(() =>
    lease.mapSettled("later", [Uint8Array.of(250), Uint8Array.of(0)], { signal: goes.signal })
  );
  goes.abort(mine);
  assertStrictEquals(await mapping, mine);
});

Deno.test("`map()` rejects with the signal's reason and posts no more calls", async () => {
  await using held = await startLease({ depth: 2, maxBytes: 64 });
  const { lease } = held;
  const reason = new Error("enough");
  const before = AbortSignal.abort(reason);
  assertStrictEquals(
    await assertRejects(() => lease.map("count", [bytes(1)], { signal: before })),
    reason,
  );
  assertEquals(await callsMade(lease), 1, "nothing ran");
  const gone = new AbortController();
  const inputs = Array.from({ length: 1000 }, () => new Uint8Array());
  const mapping = lease.map("count", inputs, {
    signal: gone.signal,
    onProgress: ({ done }) => done === 10 && gone.abort(reason),
  });
  assertStrictEquals(await assertRejects(() => mapping), reason);
  const made = await callsMade(lease);
  assert(made >= 11 && made <= 20, `${made} calls were made`);
});

Deno.test("`map()` rejects with what the iterable or `onProgress` throws", async () => {
  await using held = await startLease({ maxBytes: 64 });
  const { lease } = held;
  const mine = new Error("mine");
  function* bad() {
    yield bytes(1);
    throw mine;
  }
  assertStrictEquals(await assertRejects(() => lease.map("echo", bad())), mine);
  const onProgress = () => {
    throw mine;
  };
  assertStrictEquals(
    await assertRejects(() => lease.map("echo", [bytes(1)], { onProgress })),
    mine,
  );
  for (const concurrency of [0, -1, 1.5, NaN]) {
    await assertRejects(
      async () => await lease.map("echo", [bytes(1)], { concurrency }),
      RangeError,
      "concurrency",
    );
  }
  assertEquals(await lease.map("echo", [bytes(1)]), [bytes(1)], "the lease goes on");
});

Deno.test("`mapInputs()` keeps order and concurrency, whatever the durations and failures", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: 1, max: 8 }),
      fc.option(fc.integer({ min: 0, max: 29 }), { nil: undefined }),
      async (scheduler, count, concurrency, failing) => {
        let running = 0;
        let most = 0;
        const inputs = Array.from({ length: count }, (_, i) => bytes(i));
        const work = mapInputs(inputs, concurrency, {}, async (input) => {
          most = Math.max(most, ++running);
          await scheduler.schedule(Promise.resolve());
          running--;
          if (input[0] === failing) throw new RangeError(`${failing}`);
          return input;
        });
        const outcome = scheduler.waitFor(
          work.then((value) => ({ value }), (error) => ({ error })),
        );
        const result: { value?: Uint8Array[]; error?: Error } = await outcome;
        assert(most <= concurrency);
        if (failing !== undefined && failing < count) {
          assertEquals(result.error?.message, `${failing}`);
        } else assertEquals(result.value, inputs);
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("`mapInputs()` ends by its signal, and at a failure, while the iterable has no next input", async () => {
  async function* inputs() {
    yield bytes(1);
    await new Promise(() => {});
  }
  const signal = AbortSignal.timeout(10);
  const aborted = mapInputs(inputs(), 2, { signal }, (input) => Promise.resolve(input));
  const reason = await assertRejects(() => within(1000, "the abort", aborted), DOMException);
  assertStrictEquals(reason, signal.reason);
  const error = new Error("a failure");
  const failed = mapInputs(inputs(), 2, {}, () => Promise.reject(error));
  assertStrictEquals(await assertRejects(() => within(1000, "the failure", failed)), error);
});
