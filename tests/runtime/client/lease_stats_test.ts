/** What `lease.stats()` counts, against calls that the test counts itself. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LatencyHistogram } from "../../../runtime/call/latency_histogram.ts";
import { DeadlineExceededError, ExecutorLostError, FunctionError } from "../../../mod.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { faultyFunctions } from "../../support/functions/faulty_functions.ts";
import { functionsPackage } from "../../support/functions/functions_package.ts";
import { until } from "../../support/waiting.ts";

const NONE = { calls: 0, errors: {}, retries: 0, moves: 0 };

Deno.test("`lease.stats()` counts calls of each kind, and failures by the name of their error", async () => {
  await using cluster = await startCluster();
  await using client = await cluster.connect();
  await using lease = await client.lease({ functions: await functionsPackage(), workers: 2 });
  assertEquals(lease.stats(), NONE);
  const text = new TextEncoder().encode("no");
  await lease.map("echo", Array(10).fill(text));
  assertEquals(lease.stats(), { ...NONE, calls: 10 });
  {
    using call = lease.prepare("echo", { bytes: 8, resultBytes: 8 });
    for (let i = 0; i < 100; i++) call.invokeSync(2);
    assertThrows(() => call.invokeSync(9));
    assertEquals(await call.invoke(2), 2);
    using failing = lease.prepare("fail", { bytes: 8, resultBytes: 8 });
    assertThrows(() => failing.invokeSync(2), FunctionError);
  }
  await assertRejects(() => lease.invoke("fail", text), FunctionError);
  let chunks = 0;
  for await (const _ of lease.stream("parts", text)) if (++chunks === 5) break;
  assertEquals(lease.stats(), { ...NONE, calls: 114, errors: { FunctionError: 2 } });
  await assertRejects(
    () => lease.invoke("never", text, { deadlineMs: 30 }),
    DeadlineExceededError,
  );
  await assertRejects(() => lease.invoke("never", text, { signal: AbortSignal.timeout(30) }));
  await assertRejects(() => lease.invoke("missing", text)); // it was never sent
  const { calls, errors } = lease.stats();
  assertEquals([calls, errors], [
    116,
    { FunctionError: 2, DeadlineExceededError: 1, TimeoutError: 1 },
  ]);
});

Deno.test("`lease.stats()` counts retries, errors of lost executors, and moves", async () => {
  await using cluster = await startCluster({ nodes: 2, cores: 1 });
  await using client = await cluster.connect();
  await using lease = await client.lease({ functions: faultyFunctions, idempotent: ["nap"] });
  await assertRejects(() => lease.invoke("work", Uint8Array.of(3)), ExecutorLostError); // it exits
  const once = lease.stats();
  assertEquals([once.calls, once.errors, once.moves], [1, { ExecutorLostError: 1 }, 0]);
  const slept = lease.invoke("nap", Uint8Array.of(100));
  await assertRejects(() => lease.invoke("work", Uint8Array.of(3)), ExecutorLostError);
  await slept; // on the next executor
  assertEquals(lease.stats().retries, 1);
  const drained = cluster.nodes[Number(lease.nodes[0]!.at(-1))]!.drain(20_000);
  await until(() => lease.stats().moves === 1, () => "the lease has moved");
  await drained;
  await lease.invoke("work", Uint8Array.of(0));
  assertEquals(lease.stats().calls, 4); // also those of the executors that are gone
});

Deno.test("`lease.stats()` has the latencies of successful calls if the lease records them", async () => {
  await using cluster = await startCluster();
  await using client = await cluster.connect();
  const functions = await functionsPackage();
  await using lease = await client.lease({ functions, latency: true });
  assertEquals(lease.stats().latency?.count, 0);
  await lease.invoke("hold", Uint8Array.of(40));
  using call = lease.prepare("hold", { bytes: 8, resultBytes: 8 });
  for (let i = 0; i < 3; i++) {
    call.input[0] = 1;
    call.invokeSync(1);
    await call.invoke(1);
  }
  await assertRejects(() => lease.invoke("fail", Uint8Array.of(1)), FunctionError);
  const latency = lease.stats().latency!;
  assertEquals(latency.count, 7);
  assertEquals(latency.buckets.reduce((sum, { count }) => sum + count, 0), 7);
  assert(latency.maxMs >= 40 && latency.p50Ms >= 1, JSON.stringify(latency));
  assert(latency.meanMs >= (40 + 6) / 7, JSON.stringify(latency));
});

Deno.test("`LatencyHistogram` keeps each time to a sixteenth, and refuses none", () => {
  const histogram = new LatencyHistogram();
  const times = [0, 1e-5, 1.5e-4, 1.6e-4, 3e-4, 1, 12.5, 1000, 86_400_000, 1e12];
  for (const ms of times) histogram.record(ms);
  histogram.record(-1);
  histogram.record(NaN);
  const { count, buckets, maxMs, p50Ms } = histogram.read();
  assertEquals([count, maxMs], [times.length, 1e12]);
  assert(p50Ms >= 3e-4 && p50Ms < 3.3e-4, `${p50Ms}`);
  const one = (ms: number) => {
    const alone = new LatencyHistogram();
    alone.record(ms);
    return alone.read().buckets[0]!.upToMs;
  };
  for (let ms = 2e-5; ms < 1e7; ms *= 1.37) {
    assert(one(ms) >= ms * (1 - 1e-9) && one(ms) < ms * 1.1 + 1e-5, `${ms} in ${one(ms)}`);
  }
  assertEquals(
    buckets.map(({ upToMs }) => upToMs),
    buckets.map((b) => b.upToMs).sort((a, b) => a - b),
  );
});
