/** More workers than cores: a call runs when it has a core, and no two have the same one. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Busy } from "../../../mod.ts";
import { CoreTokens, leasableWorkers } from "../../../manager/executor/core_tokens.ts";
import { BUSY_PAUSE_MS, MAX_BUSY_PAUSE_MS } from "../../../runtime/policy.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { startCluster } from "../../support/cluster.ts";
import { packageOf } from "../../support/functions_package.ts";
import { children, until, within } from "../../support/process_table.ts";

/** Tells when it ran, in milliseconds of the host's clock, and on which worker. */
const functions = packageOf(`
  const worker = Math.random();
  const now = () => performance.timeOrigin + performance.now();
  const say = (began, output) => {
    const times = new Float64Array([began, now(), worker]);
    output.set(new Uint8Array(times.buffer));
    return 24;
  };
  export function hold(input, output) {
    const began = now();
    while (now() < began + input[0]);
    return say(began, output);
  }
  export function holdLong(input, output) {
    const began = now();
    while (now() < began + input[0] * 10);
    return say(began, output);
  }
  export async function later(input, output) {
    const began = now();
    await new Promise((resolve) => setTimeout(resolve, input[0]));
    return say(began, output);
  }
  export function spin() { for (;;); }
  export function* each(input, output) {
    for (let i = 0; i < input[0]; i++) {
      const began = now();
      while (now() < began + 2);
      yield say(began, output);
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

/** How many workers ran something at once, at most. They read when the clock began to some microseconds. */
function mostAtOnce(spans: readonly Span[]): number {
  const SLACK_MS = 0.2;
  return Math.max(...spans.map((one) => {
    const atMs = one.fromMs + SLACK_MS;
    const others = spans.filter(({ fromMs, toMs }) => fromMs <= atMs && toMs > atMs);
    return new Set(others.map(({ worker }) => worker)).size;
  }));
}

/** Counts the short timers with which a refused call waits for its next try. */
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

Deno.test("a stream waits for its core between two chunks, and all of them come", async () => {
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
  Deno.test(`four workers of two leases on two cores: no more than two ${name} at once, and all calls are answered`, async () => {
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

Deno.test("without oversubscription as many run at once as there are workers", async () => {
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
  const [busy, idle] = lease.parts.map(({ workers }) => workers);
  const workerOf = async (worker: number) =>
    span(await lease.invoke("hold", Uint8Array.of(0), { worker })).worker;
  const idleWorkers: number[] = [];
  for (const worker of idle!) idleWorkers.push(await workerOf(worker));
  const held = lease.invoke("holdLong", Uint8Array.of(200), { worker: busy![0]! });
  const call = lease.prepare("hold", { bytes: 1, resultBytes: 24, worker: busy![1]! });
  call.input[0] = 0;
  await until(
    () => call.invoke(1).then(() => false, (error) => error instanceof Busy),
    () => "the core is taken",
  );
  call.close();
  using pauses = countPauses();
  // One after the other, so that each may have the other node's core; some meet the busy one first.
  for (let i = 0; i < 12; i++) {
    const { worker } = span(await lease.invoke("hold", Uint8Array.of(0)));
    assert(idleWorkers.includes(worker), "a worker of the other node ran it");
  }
  // Eight if a refused call tried the same node's other worker next. A core may still be on its way back now and then.
  assert(pauses.count < 5, `${pauses.count} pauses`);
  await held;
});

Deno.test("a killed executor's core comes back, and a prepared call is told that none is free", async () => {
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
    () => call.invoke(1).then(() => false, (error) => error instanceof Busy),
    () => "busy",
  );
  await assertRejects(() => call.invoke(1), Busy, "busy");
  const waiting = other.invoke("hold", Uint8Array.of(1));
  Deno.kill(executor!, "SIGKILL");
  span(await within(10_000, "the call that waits for a core", waiting));
  await spinning;
});

Deno.test("a lease that never rests leaves another its turns", async () => {
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

Deno.test("tokens of one executor are freed alone", () => {
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
