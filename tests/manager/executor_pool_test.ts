/** Executors that wait for leases: real processes of a node in this one. */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  DEFAULT_POOL,
  ExecutorPool,
  NO_POOL,
  type PoolOptions,
} from "../../manager/executor/executor_pool.ts";
import type { ExecutorProcess } from "../../manager/executor/executor_process.ts";
import { DEFAULT_MEMORY_BYTES } from "../../runtime/client/lease_options.ts";
import { NO_PERMISSIONS } from "../../runtime/permissions.ts";
import { type LeaseOptions, LimitExceeded } from "../../mod.ts";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { functionsPackage } from "../support/functions_package.ts";
import { children, until } from "../support/process_table.ts";
import { limitMs } from "../support/time_factor.ts";

const HOARD = `
const kept = [];
export function hoard() { for (;;) kept.push({ a: [kept.length, {}], b: String(kept.length) }); }
`;
const POOL: PoolOptions = { ...DEFAULT_POOL, idleMs: 60_000 };

/** Waits until so many executors run here; gives their process ids. */
async function executors(count: number): Promise<number[]> {
  await until(
    () => children(Deno.pid).length === count,
    () => `${count} executors run: ${children(Deno.pid)}`,
    20_000,
  );
  return children(Deno.pid);
}

/** Waits until so many wait for a lease. */
async function waiting(cluster: Cluster, count: number): Promise<void> {
  const [node] = cluster.nodes;
  await until(() => node!.waitingExecutors === count, () => `${count} executors wait`, 20_000);
}

async function pool(options: PoolOptions) {
  const cluster = await startCluster({ pool: options });
  const client = await cluster.connect();
  const functions = await functionsPackage();
  const take = (more: Partial<LeaseOptions> = {}) => client.lease({ functions, ...more });
  return { cluster, take, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

Deno.test("a lease gets the executor that waits, another one takes its place, closing ends all", async () => {
  {
    await using held = await pool(POOL);
    await waiting(held.cluster, 1);
    const [ready] = await executors(1);
    await using lease = await held.take({ workers: 2 });
    assertEquals(lease.startup.start, "pooled");
    assertEquals(await lease.invoke("echo", Uint8Array.of(7)), Uint8Array.of(7));
    await waiting(held.cluster, 1);
    const after = await executors(2);
    assert(after.includes(ready!), "the process that waited serves the lease");
  }
  await executors(0);
});

Deno.test("without a pool nothing waits, and the lease says that its start was cold", async () => {
  await using held = await pool(NO_POOL);
  await executors(0);
  await using lease = await held.take();
  assertEquals(lease.startup.start, "cold");
  assert(lease.startup.bootMs > 0);
  await executors(1);
});

Deno.test("a lease of another memory is cold, its heap is its own, and the next of that size is pooled", async () => {
  await using held = await pool({ ...POOL, increment: 0 });
  await waiting(held.cluster, 1);
  const small = { memory: "64MiB", functions: new TextEncoder().encode(HOARD) };
  {
    await using other = await held.take(small);
    assertEquals(other.startup.start, "cold");
  }
  await until(
    async () => {
      await using lease = await held.take(small);
      if (lease.startup.start === "cold") return false;
      await assertRejects(() => lease.invoke("hoard", new Uint8Array()), LimitExceeded, "memory");
      return true;
    },
    () => "a lease of that size is pooled",
    20_000,
  );
});

Deno.test("an executor that dies while it waits is replaced, and the next lease is served", async () => {
  await using held = await pool(POOL);
  await waiting(held.cluster, 1);
  const [pid] = await executors(1);
  Deno.kill(pid!, "SIGKILL");
  await waiting(held.cluster, 0);
  await waiting(held.cluster, 1);
  const [next] = await executors(1);
  assertNotEquals(next, pid);
  await using lease = await held.take();
  assertEquals(lease.startup.start, "pooled");
});

Deno.test("misses let the pool grow to its max, and a quiet time lets it shrink to its min", async () => {
  await using held = await pool({
    initial: 0,
    min: 0,
    max: 2,
    idleMs: limitMs(1500),
    increment: 2,
  });
  await executors(0);
  await using lease = await held.take();
  assertEquals(lease.startup.start, "cold");
  await waiting(held.cluster, 2);
  await executors(3);
  await waiting(held.cluster, 0);
  await executors(1); // the lease's own
  assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
});

Deno.test("an executor that is lost is followed by one that waited", async () => {
  await using held = await pool(POOL);
  await waiting(held.cluster, 1);
  const [pid] = await executors(1);
  await using lease = await held.take();
  await waiting(held.cluster, 1);
  const spare = (await executors(2)).find((one) => one !== pid);
  const events = lease.status();
  Deno.kill(pid!, "SIGKILL");
  for await (const event of events) if (event.type === "recovered") break;
  assertEquals(await lease.invoke("echo", Uint8Array.of(3)), Uint8Array.of(3));
  assert(children(Deno.pid).includes(spare!));
});

Deno.test("a pool that is opened while one that came too late still ends is filled all the same", async () => {
  const boots: ((process: ExecutorProcess) => void)[] = [];
  const booting = () => new Promise<ExecutorProcess>((resolve) => boots.push(resolve));
  const stopping = Promise.withResolvers<void>();
  let stops = 0;
  const process = {
    ended: new Promise<string>(() => {}),
    stop: () => (stops++, stopping.promise),
  } as unknown as ExecutorProcess;
  const pool = new ExecutorPool(booting, POOL);
  pool.open();
  await until(() => boots.length === 1, () => "one boots");
  pool.pause();
  boots[0]!(process);
  await until(() => stops === 1, () => "it is not wanted any more");
  pool.open();
  await new Promise((resolve) => setTimeout(resolve, 10)); // the pool's own look comes in between
  stopping.resolve();
  await until(() => boots.length === 2, () => "another one boots");
  boots[1]!(process);
  await until(() => pool.size === 1, () => "it waits");
  await pool.close();
});

Deno.test("a lease that finds none waits for the one that boots, a second one boots its own", async () => {
  const boots: ((process: ExecutorProcess) => void)[] = [];
  const booting = () => new Promise<ExecutorProcess>((resolve) => boots.push(resolve));
  const fake = () =>
    ({
      ended: new Promise<string>(() => {}),
      stop: () => Promise.resolve(),
    }) as unknown as ExecutorProcess;
  const pool = new ExecutorPool(booting, { ...POOL, increment: 0 });
  pool.open();
  await until(() => boots.length === 1, () => "one boots");
  const needs = { memoryBytes: DEFAULT_MEMORY_BYTES, permissions: NO_PERMISSIONS };
  const [first, second] = [pool.take(needs), pool.take(needs)];
  await until(() => boots.length === 2, () => "the second lease has one booted");
  const [coming, own] = [fake(), fake()];
  boots[0]!(coming);
  assertEquals(await first, { process: coming, start: "cold" });
  boots[1]!(own);
  assertEquals(await second, { process: own, start: "cold" });
  await until(() => boots.length === 3, () => "the pool is filled again");
  const late = pool.take({ ...needs, memoryBytes: DEFAULT_MEMORY_BYTES * 2 });
  await until(() => boots.length === 4, () => "a lease of another size waits for none of this one");
  boots[3]!(own);
  assertEquals((await late).process, own);
  boots[2]!(fake());
  await until(() => boots.length === 5, () => "one of the size of the last lease boots");
  boots[4]!(fake());
  await pool.close();
});
