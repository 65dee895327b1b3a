/** Executors that wait for leases: real processes of a node in this one. */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  DEFAULT_POOL,
  ExecutorPool,
  NO_POOL,
  type PoolOptions,
} from "../../../../manager/executor/executors/executor_pool.ts";
import { ExecutorProcess } from "../../../../manager/executor/executors/executor_process.ts";
import { ControlChannel, ControlError } from "../../../../runtime/control/control_channel.ts";
import { DEFAULT_MEMORY_BYTES } from "../../../../runtime/byte_size.ts";
import { NO_PERMISSIONS } from "../../../../runtime/permissions.ts";
import { type LeaseOptions, LimitExceededError } from "../../../../mod.ts";
import { type Cluster, startCluster } from "../../../support/cluster/cluster.ts";
import { functionsPackage } from "../../../support/functions/functions_package.ts";
import { children } from "../../../support/processes/process_table.ts";
import { replacedMethod } from "../../../support/replaced_method.ts";
import { lastingMs } from "../../../support/time_factor.ts";
import { until, within } from "../../../support/waiting.ts";

const HOARD = `
const kept = [];
export function hoard() { for (;;) kept.push({ a: [kept.length, {}], b: String(kept.length) }); }
`;
const POOL: PoolOptions = { ...DEFAULT_POOL, idleMs: 60_000 };

/** Waits until this many executors run. @returns their process ids. */
async function executors(count: number): Promise<number[]> {
  await until(
    () => children(Deno.pid).length === count,
    () => `${count} executors run: ${children(Deno.pid)}`,
    20_000,
  );
  return children(Deno.pid);
}

/** Waits until this many executors wait for a lease. */
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

Deno.test("a lease gets the waiting executor, another one replaces it, and closing ends all", async () => {
  {
    await using held = await pool(POOL);
    await waiting(held.cluster, 1);
    const [ready] = await executors(1);
    await using lease = await held.take();
    assertEquals(lease.startup.start, "pooled");
    assertEquals(await lease.invoke("echo", Uint8Array.of(7)), Uint8Array.of(7));
    await waiting(held.cluster, 1);
    const after = await executors(2);
    assert(after.includes(ready!), "the waiting process serves the lease");
  }
  await executors(0);
});

Deno.test("a node without a pool boots an executor for each lease, a cold start", async () => {
  await using held = await pool(NO_POOL);
  await executors(0);
  await using lease = await held.take();
  assertEquals(lease.startup.start, "cold");
  assert(lease.startup.bootMs > 0);
  await executors(1);
});

Deno.test("a lease of another memory starts cold with a heap of its own, and the next one of that size is pooled", async () => {
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
      await assertRejects(
        () => lease.invoke("hoard", new Uint8Array()),
        LimitExceededError,
        "memory",
      );
      return true;
    },
    () => "a lease of that size is pooled",
    20_000,
  );
});

Deno.test("an executor that dies in the pool is replaced, and the next lease is served", async () => {
  await using held = await pool(POOL);
  await waiting(held.cluster, 1);
  const [pid] = await executors(1);
  Deno.kill(pid!, "SIGKILL");
  // Not first until none waits: a test that is interrupted meanwhile would miss that.
  await until(() => !children(Deno.pid).includes(pid!), () => "it has ended");
  await until(() => children(Deno.pid).length === 1, () => "another one boots", 20_000);
  await waiting(held.cluster, 1);
  const [next] = await executors(1);
  assertNotEquals(next, pid);
  await using lease = await held.take();
  assertEquals(lease.startup.start, "pooled");
});

Deno.test("a pool grows to `max` with misses, and shrinks to `min` when no lease comes", async () => {
  for (let idleMs = lastingMs(2000); await mostWaiting(idleMs) < 2; idleMs *= 4) {
    // A busy host boots the second executor after the first one has left the pool.
    assert(idleMs < lastingMs(100_000), "the pool has never grown to 2");
  }
});

/** Takes a lease of a node whose pool is empty, until the pool is empty again. @returns the most that it had. */
async function mostWaiting(idleMs: number): Promise<number> {
  await using held = await pool({ initial: 0, min: 0, max: 2, idleMs, increment: 2 });
  await executors(0);
  await using lease = await held.take();
  assertEquals(lease.startup.start, "cold");
  let most = 0;
  await until(
    () => {
      const count = held.cluster.nodes[0]!.waitingExecutors;
      most = Math.max(most, count);
      return most > 0 && count === 0;
    },
    () => `the pool grows, and shrinks after ${idleMs} ms`,
    20_000 + idleMs,
  );
  await executors(1); // the lease's own
  assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
  assert(most <= 2, `${most} executors waited`);
  return most;
}

Deno.test("a lost executor is replaced by a waiting one", async () => {
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

Deno.test("a pool that opens again while a late executor still ends is filled", async () => {
  const boots: ((process: ExecutorProcess) => void)[] = [];
  const boot = () => new Promise<ExecutorProcess>((resolve) => boots.push(resolve));
  const stopping = Promise.withResolvers<void>();
  let stops = 0;
  const process = {
    ended: new Promise<never>(() => {}),
    rehearse: () => Promise.resolve(),
    stop: () => (stops++, stopping.promise),
  } as unknown as ExecutorProcess;
  const pool = new ExecutorPool(boot, POOL);
  pool.open();
  await until(() => boots.length === 1, () => "one boots");
  pool.pause();
  boots[0]!(process);
  await until(() => stops === 1, () => "the pool stops it");
  pool.open();
  await new Promise((resolve) => setTimeout(resolve, 10)); // the pool adjusts itself meanwhile
  stopping.resolve();
  await until(() => boots.length === 2, () => "another one boots");
  boots[1]!(process);
  await until(() => pool.size === 1, () => "it waits");
  await pool.close();
});

Deno.test("a lease without a waiting executor gets the one that boots, and a second lease boots its own", async () => {
  const boots: ((process: ExecutorProcess) => void)[] = [];
  const boot = () => new Promise<ExecutorProcess>((resolve) => boots.push(resolve));
  const fake = () =>
    ({
      ended: new Promise<never>(() => {}),
      rehearse: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    }) as unknown as ExecutorProcess;
  const pool = new ExecutorPool(boot, { ...POOL, increment: 0 });
  pool.open();
  await until(() => boots.length === 1, () => "one boots");
  const needs = { memoryBytes: DEFAULT_MEMORY_BYTES, permissions: NO_PERMISSIONS };
  const [first, second] = [pool.take(needs), pool.take(needs)];
  await until(() => boots.length === 2, () => "an executor boots for the second lease");
  const [booting, own] = [fake(), fake()];
  boots[0]!(booting);
  assertEquals(await first, { process: booting, start: "cold" });
  boots[1]!(own);
  assertEquals(await second, { process: own, start: "cold" });
  await until(() => boots.length === 3, () => "the pool is filled again");
  const late = pool.take({ ...needs, memoryBytes: DEFAULT_MEMORY_BYTES * 2 });
  await until(() => boots.length === 4, () => "a lease of another size does not wait for this one");
  boots[3]!(own);
  assertEquals((await late).process, own);
  boots[2]!(fake());
  await until(() => boots.length === 5, () => "one of the size of the last lease boots");
  boots[4]!(fake());
  await pool.close();
});

Deno.test("an executor that waits in the pool rehearses once, but not one for which a lease waits", async () => {
  const boots: ((process: ExecutorProcess) => void)[] = [];
  const boot = () => new Promise<ExecutorProcess>((resolve) => boots.push(resolve));
  let rehearsals = 0;
  const fake = () =>
    ({
      ended: new Promise<never>(() => {}),
      rehearse: () => (rehearsals++, Promise.reject(new Error("a step failed"))),
      stop: () => Promise.resolve(),
    }) as unknown as ExecutorProcess;
  const pool = new ExecutorPool(boot, { ...POOL, increment: 0 });
  pool.open();
  await until(() => boots.length === 1, () => "one boots");
  const lease = pool.take({ memoryBytes: DEFAULT_MEMORY_BYTES, permissions: NO_PERMISSIONS });
  boots[0]!(fake());
  await lease;
  assertEquals(rehearsals, 0);
  await until(() => boots.length === 2, () => "the pool is filled again");
  boots[1]!(fake());
  await until(() => pool.size === 1, () => "it waits, whatever the rehearsal does");
  assertEquals(rehearsals, 1);
  await pool.close();
});

Deno.test("a pool that pauses kills those that wait, and ends the one that boots", async () => {
  const boots: ((process: ExecutorProcess) => void)[] = [];
  const boot = (_: unknown, signal?: AbortSignal) =>
    new Promise<ExecutorProcess>((resolve, reject) => {
      boots.push(resolve);
      signal!.addEventListener("abort", () => reject(signal!.reason));
    });
  const ended = Promise.withResolvers<{ code: "killed"; message: string }>();
  const kill = () => ended.resolve({ code: "killed", message: "ended by SIGKILL" });
  const waiting = {
    ended: ended.promise,
    kill,
    isStopped: false,
    rehearse: () => Promise.resolve(),
  } as unknown as ExecutorProcess;
  const pool = new ExecutorPool(boot, { ...POOL, initial: 2, min: 2 });
  pool.open();
  await until(() => boots.length === 1, () => "one boots");
  boots[0]!(waiting);
  await until(() => boots.length === 2, () => "the next one boots");
  await within(5000, "the pause", pool.pause());
  assertEquals(pool.size, 0);
  pool.open();
  await until(() => boots.length === 3, () => "it is filled again, without a pause after a fault");
  await pool.close();
});

/** Its first bytes, which are as many as a rehearsal's package has, keep the worker's right to FFI. */
const KEEPS_FFI = `
Deno.permissions.revokeSync=()=>{};//${" ".repeat(100)}
export function hasFfi(_input, output) {
  output[0] = Deno.permissions.querySync({ name: "ffi" }).state === "granted" ? 1 : 0;
  return 1;
}
`.trim();

Deno.test("a package that is lent before the rehearsal has read its own does not run in the rehearsal", async () => {
  const hostile = new TextEncoder().encode(KEEPS_FFI);
  let stopped = 0;
  let lent = 0;
  const { start, rehearse } = ExecutorProcess.prototype;
  const { lend } = ControlChannel.prototype;
  using _rehearse = replacedMethod(ExecutorProcess.prototype, "rehearse", () => Promise.resolve());
  using _start = replacedMethod(
    ExecutorProcess.prototype,
    "start",
    function (this: ExecutorProcess, request) {
      stopped = this.pid;
      Deno.kill(stopped, "SIGSTOP");
      rehearse.call(this).catch(() => {});
      return start.call(this, request, hostile); // the library would put its own code first
    },
  );
  using _lend = replacedMethod(
    ControlChannel.prototype,
    "lend",
    function (this: ControlChannel, bytes) {
      const place = lend.call(this, bytes);
      if (stopped !== 0 && ++lent === 2) Deno.kill(stopped, "SIGCONT");
      return place;
    },
  );
  await using held = await pool(POOL);
  await waiting(held.cluster, 1);
  await using lease = await held.take({ functions: hostile });
  assertEquals(lease.startup.start, "pooled");
  assertEquals(await lease.invoke("hasFfi", new Uint8Array()), Uint8Array.of(0));
  assertEquals(lent, 2);
});

/** An executor whose rehearsal lasts until it has ended. */
class Rehearsing {
  readonly #ended = Promise.withResolvers<{ message: string }>();
  readonly #rehearsal = Promise.withResolvers<never>();
  readonly ended = this.#ended.promise;
  readonly isStopped = false;
  /** How it was ended. */
  end: string | undefined;

  /** @param failure of the rehearsal, for which it does not wait. */
  constructor(failure?: ControlError) {
    this.#rehearsal.promise.catch(() => {}); // it may begin after its failure
    if (failure !== undefined) this.#rehearsal.reject(failure);
  }
  rehearse(): Promise<never> {
    return this.#rehearsal.promise;
  }
  stop(): Promise<void> {
    this.#finish("stopped");
    return Promise.resolve();
  }
  kill(): void {
    this.#finish("killed");
  }
  #finish(how: string): void {
    this.end ??= how;
    this.#rehearsal.reject(new Error("it has ended"));
    this.#ended.resolve({ message: how });
  }
}

Deno.test("a pool that closes does not wait for a rehearsal", async () => {
  const executor = new Rehearsing();
  const booted = executor as unknown as ExecutorProcess;
  const pool = new ExecutorPool(() => Promise.resolve(booted), POOL);
  pool.open();
  await until(() => pool.size === 1, () => "the executor waits, and rehearses");
  await within(5000, "the pool closes", pool.close());
  assertEquals(executor.end, "stopped");
});

Deno.test("an executor whose rehearsal lasts too long is killed, since a lease would wait for it", async () => {
  const timeout = new ControlError("no response", "timeout");
  const executors = [new Rehearsing(timeout), new Rehearsing(new ControlError("no", "failed"))];
  let boots = 0;
  const boot = () => Promise.resolve(executors[boots++] as unknown as ExecutorProcess);
  const pool = new ExecutorPool(boot, POOL);
  pool.open();
  await until(() => boots === 2 && pool.size === 1, () => "another executor takes its place", 5000);
  assertEquals(executors.map(({ end }) => end), ["killed", undefined]);
  await pool.close();
});

Deno.test("a pool that closes ends the executor that boots, and waits until it is gone", async () => {
  const booting = Promise.withResolvers<void>();
  let isGone = false;
  const pool = new ExecutorPool((_, signal) => {
    booting.resolve();
    return new Promise((_, reject) =>
      signal!.addEventListener("abort", () =>
        queueMicrotask(() => {
          isGone = true;
          reject(signal!.reason);
        }))
    );
  }, POOL);
  pool.open();
  await booting.promise;
  await pool.close();
  assert(isGone);
  assertEquals(pool.size, 0);
});
