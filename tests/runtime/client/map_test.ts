import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { DeadlineExceeded, FunctionError, type Lease } from "../../../mod.ts";
import { mapInputs } from "../../../runtime/client/map.ts";
import { startLease } from "../../support/cluster_lease.ts";
import { limitMs } from "../../support/time_factor.ts";

const bytes = (i: number) => Uint8Array.of(i, i >> 8);

async function callsMade(lease: Lease): Promise<number> {
  const reply = await lease.invoke("count", new Uint8Array());
  return new DataView(reply.buffer).getUint32(0);
}

Deno.test("map() gives the results of any iterable in the order of its inputs", async () => {
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
  // Later inputs are done first: 20, 10, 0 ms.
  const backwards = [20, 10, 0].map((ms) => Uint8Array.of(ms));
  assertEquals(await lease.map("later", backwards), backwards);
});

Deno.test("map() ends at the first failure, names its input and gives up the rest", async () => {
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
  assert(returned, "an iterator that is left early is told");
  assert(taken <= 8, `${taken} inputs were taken for 2 at a time`);

  const text = (said: string) => new TextEncoder().encode(said);
  const error = await assertRejects(
    () => lease.map("fail", [text("a"), text("b")], { concurrency: 1 }),
    FunctionError,
  );
  assertEquals([error.index, error.message], [0, "fail threw TypeError: a"]);

  const late = await assertRejects(
    () =>
      lease.map("later", [0, 0, 250, 0].map((ms) => Uint8Array.of(ms)), {
        deadlineMs: Math.min(200, limitMs(30)),
        concurrency: 1,
      }),
    DeadlineExceeded,
  );
  assertEquals(late.index, 2);
});

Deno.test("map() stops at the signal with its reason and posts no more calls", async () => {
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

Deno.test("map() fails with what the iterable or onProgress throws", async () => {
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

Deno.test("mapInputs() keeps order and its bound, whatever takes how long and whichever fails", async () => {
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
