/** More workers than cores: a call runs while it holds a core, and no two calls hold the same one. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { BusyError } from "../../../mod.ts";
import { CoreTokens, leasableWorkers } from "../../../manager/executor/executors/core_tokens.ts";
import { BUSY_PAUSE_MS, MAX_BUSY_PAUSE_MS } from "../../../runtime/policy.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { children } from "../../support/processes/process_table.ts";
import { until, within } from "../../support/waiting.ts";

/** These functions return when they ran, in milliseconds of the host's clock, and on which worker. */
const functions = packageOf(`
  const worker = Math.random();
  const now = () => performance.timeOrigin + performance.now();
  const report = (began, output) => {
    const times = new Float64Array([began, now(), worker]);
    output.set(new Uint8Array(times.buffer));
    return 24;
  };
  export function hold(input, output) {
    const began = now();
    while (now() < began + input[0]);
    return report(began, output);
  }
  export function holdLong(input, output) {
    const began = now();
    while (now() < began + input[0] * 10);
    return report(began, output);
  }
  export async function later(input, output) {
    const began = now();
    await new Promise((resolve) => setTimeout(resolve, input[0]));
    return report(began, output);
  }
  export function spin() { for (;;); }
  export function* each(input, output) {
    for (let i = 0; i < input[0]; i++) {
      const began = now();
      while (now() < began + 2);
      yield report(began, output);
    }
  }
`);

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly worker: number;
}

function span(bytes: Uint8Array): Span {
  const [fromMs = NaN, toMs = NaN, worker = NaN] = new Float64Array(bytes.slice().buffer);
  return { fromMs, toMs, worker };
}

/** Returns the most workers that ran at once. Their readings of the clock differ by microseconds. */
function mostAtOnce(spans: readonly Span[]): number {
  const SLACK_MS = 0.2;
  return Math.max(...spans.map((one) => {
    const atMs = one.fromMs + SLACK_MS;
    const others = spans.filter(({ fromMs, toMs }) => fromMs <= atMs && toMs > atMs);
    return new Set(others.map(({ worker }) => worker)).size;
  }));
}

/** Counts the short timers with which a refused call waits before it is sent again. */
function countPauses(): { readonly count: number } & Disposable {
  const real = globalThis.setTimeout;
  const pauses = {
    count: 0,
    [Symbol.dispose]: () => void (globalThis.setTimeout = real),
  };
  globalThis.setTimeout = ((act: () => void, ms?: number) => {
    if (ms !== undefined && ms >= BUSY_PAUSE_MS && ms <= MAX_BUSY_PAUSE_MS) pauses.count++;
    return real(act, ms);
  }) as typeof setTimeout;
  return pauses;
}

Deno.test("a stream waits for its core between two chunks, and all of them arrive", async () => {
  await using cluster = await startCluster({ cores: 1, oversubscription: 2 });
  await using client = await cluster.connect();
  await using lease = await client.lease({ functions, workers: 2, hotMs: 0 });
  const holding = Promise.all(
    Array.from({ length: 10 }, () => lease.invoke("hold", Uint8Array.of(5), { worker: 1 })),
  );
  const chunks = Array.fromAsync(lease.stream("each", Uint8Array.of(20), { worker: 0 }));
  const spans = [...await within(20_000, "the stream", chunks), ...await holding].map(span);
  assertEquals(spans.length, 30);
  assertEquals(mostAtOnce(spans), 1);
});

for (const name of ["hold", "later"]) {
  Deno.test(`four workers of two leases on two cores run no more than two calls of ${name} at once, and serve all`, async () => {
    await using cluster = await startCluster({ cores: 2, oversubscription: 2 });
    await using client = await cluster.connect();
    const leases = await Promise.all(
      [0, 1].map(() => client.lease({ functions, workers: 2, hotMs: 0 })),
    );
    const calls = Array.from(
      { length: 40 },
      (_, i) => leases[i % 2]!.invoke(name, Uint8Array.of(5)),
    );
    const spans = (await Promise.all(calls)).map(span);
    assertEquals(spans.length, 40);
    assert(mostAtOnce(spans) <= 2, `${mostAtOnce(spans)} ran at once on two cores`);
  });
}

Deno.test("as many calls run at once as there are workers without oversubscription", async () => {
  await using cluster = await startCluster({ cores: 2 });
  await using client = await cluster.connect();
  const lease = await client.lease({ functions, workers: 2, hotMs: 0 });
  const spans = await Promise.all(
    Array.from({ length: 10 }, () => lease.invoke("later", Uint8Array.of(50)).then(span)),
  );
  assert(mostAtOnce(spans) >= 2, `${mostAtOnce(spans)} at once`);
});

Deno.test("a call that finds all cores of a node busy runs on another node at once", async () => {
  await using cluster = await startCluster({ cores: 1, oversubscription: 3, nodes: 2 });
  await using client = await cluster.connect();
  const lease = await client.lease({ functions, workers: 6, depth: 1, hotMs: 0 });
  const [busy, idle] = lease.parts.map(({ workerIndexes }) => workerIndexes);
  const workerOf = async (worker: number) =>
    span(await lease.invoke("hold", Uint8Array.of(0), { worker })).worker;
  const idleWorkers: number[] = [];
  for (const worker of idle!) idleWorkers.push(await workerOf(worker));
  const held = lease.invoke("holdLong", Uint8Array.of(200), { worker: busy![0]! });
  const call = lease.prepare("hold", { bytes: 1, resultBytes: 24, worker: busy![1]! });
  call.input[0] = 0;
  await until(
    () => call.invoke(1).then(() => false, (error) => error instanceof BusyError),
    () => "the core is taken",
  );
  call.close();
  using pauses = countPauses();
  // One after the other, so that each can have the other node's core; some try the busy one first.
  for (let i = 0; i < 12; i++) {
    const { worker } = span(await lease.invoke("hold", Uint8Array.of(0)));
    assert(idleWorkers.includes(worker), "a worker of the other node ran it");
  }
  // A refused call that tried the same node's other worker next would make eight pauses. A few occur while a core is released.
  assert(pauses.count < 5, `${pauses.count} pauses`);
  await held;
});

Deno.test("a killed executor's core is freed, and a prepared call fails with BusyError while no core is free", async () => {
  await using cluster = await startCluster({ cores: 1, oversubscription: 2 });
  await using client = await cluster.connect();
  const before = children(Deno.pid);
  const one = await client.lease({ functions, hotMs: 0 });
  const [executor] = children(Deno.pid).filter((pid) => !before.includes(pid));
  const other = await client.lease({ functions, hotMs: 0 });
  const spinning = one.invoke("spin", new Uint8Array(1)).catch((error: Error) => error);
  using call = other.prepare("hold", { bytes: 1, resultBytes: 24 });
  call.input[0] = 0;
  // The core is free until the spinning call has arrived.
  await until(
    () => call.invoke(1).then(() => false, (error) => error instanceof BusyError),
    () => "busy",
  );
  await assertRejects(() => call.invoke(1), BusyError, "busy");
  const waiting = other.invoke("hold", Uint8Array.of(1));
  Deno.kill(executor!, "SIGKILL");
  span(await within(10_000, "the call that waits for a core", waiting));
  await spinning;
});

Deno.test("a lease that calls without pause leaves another lease its turns", async () => {
  await using cluster = await startCluster({ cores: 1, oversubscription: 2 });
  await using client = await cluster.connect();
  const busy = await client.lease({ functions });
  const other = await client.lease({ functions });
  let done = false;
  let served = 0;
  const calls = Array.from({ length: 8 }, async () => {
    for (; !done; served++) await busy.invoke("hold", Uint8Array.of(10));
  });
  await until(() => served > 0, () => "the first is busy");
  for (let i = 0; i < 10; i++) {
    await within(5000, "a turn", other.invoke("hold", Uint8Array.of(10)));
  }
  const before = served;
  await until(() => served > before, () => "the first goes on", 5000);
  done = true;
  await Promise.all(calls);
});

Deno.test("`CoreTokens` frees the tokens of one executor and no others", () => {
  const libc = openLibc();
  try {
    using tokens = new CoreTokens(libc, 3);
    const [a, b] = [tokens.issue(), tokens.issue()];
    assert(a.owner !== b.owner);
    tokens.free(a);
    assertEquals(leasableWorkers(3, 1.5), 4);
  } finally {
    libc.close();
  }
});
