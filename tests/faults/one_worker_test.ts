/** A fault costs the calls of one worker, and nothing on the other workers of its lease. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import type { Client } from "../../runtime/client/client.ts";
import type { Lease } from "../../runtime/client/lease.ts";
import type { LeaseEvent } from "../../runtime/client/lease_events.ts";
import {
  DeadlineExceededError,
  ExecutorLostError,
  LimitExceededError,
  type RfaasError,
} from "../../runtime/errors.ts";
import {
  BOMB,
  EXIT,
  faultyFunctions as functions,
  LOOP,
  OK,
} from "../support/functions/faulty_functions.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { limitMs } from "../support/time_factor.ts";
import { until, within } from "../support/waiting.ts";

const POOL = { initial: 2, min: 2, max: 4, idleMs: 60_000, increment: 0 };

/** The process of a worker, and how many calls of `work` it has run. */
async function state(lease: Lease, worker: number): Promise<[pid: number, count: number]> {
  const reply = await lease.invoke("state", new Uint8Array(), { worker });
  const [pid, count] = new Uint32Array(reply.buffer, reply.byteOffset, 2);
  return [pid!, count!];
}

function watch(lease: Lease): LeaseEvent[] {
  const events: LeaseEvent[] = [];
  (async () => {
    for await (const event of lease.status()) events.push(event);
  })();
  return events;
}

Deno.test("calls, slots and state of a worker go on while its neighbor loops, exits, exhausts memory and is killed", async () => {
  await using host = await ProcessHost.start({ pool: POOL });
  await using client = await host.connect();
  await using lease = await client.lease({ functions, workers: 2, memory: "64MiB", maxBytes: 64 });
  const events = watch(lease);
  using call = lease.prepare("work", { bytes: 8, resultBytes: 8, worker: 0 });
  const { input } = call;
  input.fill(OK);
  const [pid] = await state(lease, 0);
  let calls = 0;
  let over = false;
  const looping = (async () => {
    while (!over) {
      for (let i = 0; i < 500; i++, calls++) call.invokeSync(8);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  looping.catch(() => {}); // awaited below
  const recoveries = () => events.filter(({ type }) => type === "recovered").length;
  for (const [round, kind] of [LOOP, EXIT, BOMB, OK].entries()) {
    const [victim] = await state(lease, 1);
    const slow = lease.invoke("nap", Uint8Array.of(200), { worker: 0 });
    const beside = lease.invoke("forever", new Uint8Array(), { worker: 1 });
    const culprit = kind === OK
      ? lease.invoke("forever", new Uint8Array(), { worker: 1 })
      : lease.invoke("work", Uint8Array.of(kind), {
        worker: 1,
        ...(kind === LOOP ? { deadlineMs: 300 } : {}),
      });
    const settled = Promise.allSettled([culprit, beside]);
    if (kind === OK) {
      await state(lease, 1); // both have begun
      Deno.kill(victim, "SIGKILL");
    }
    const [first, second] = await within(10_000, "the failures", settled);
    assert(first!.status === "rejected" && second!.status === "rejected");
    const bystander = second.reason;
    assertInstanceOf(bystander, ExecutorLostError);
    assertEquals(bystander.outcome, "unknown");
    if (kind === LOOP) assertInstanceOf(first.reason, DeadlineExceededError);
    else if (kind === BOMB) {
      assertInstanceOf(first.reason, LimitExceededError);
      assertInstanceOf(bystander.cause, LimitExceededError);
    } else assertInstanceOf(first.reason, ExecutorLostError);
    assertEquals(await slow, Uint8Array.of(200));
    await until(() => recoveries() === round + 1, () => "the other worker is back", 10_000);
    await lease.invoke("work", Uint8Array.of(OK), { worker: 1 });
  }
  over = true;
  await looping;
  assert(calls >= 500);
  assert(call.input === input, "the slot is the same");
  assertEquals(await state(lease, 0), [pid, calls]);
  for (const event of events) if ("worker" in event) assertEquals(event.worker, 1);
});

Deno.test("three of four workers answer while the fourth is killed or stopped, which is back soon", async (t) => {
  await using host = await ProcessHost.start({ pool: POOL });
  await using client = await host.connect();
  for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
    await t.step(signal, () => endOne(host, client, signal));
  }
});

async function endOne(host: ProcessHost, client: Client, signal: Deno.Signal): Promise<void> {
  await using lease = await client.lease({ functions, workers: 4, memory: "64MiB", maxBytes: 64 });
  const events = watch(lease);
  const [pid] = await state(lease, 2);
  await until(() => host.executors().length >= 5, () => "an executor waits");
  let over = false;
  const answered = [0, 0, 0, 0];
  const failed: RfaasError[] = [];
  const lanes = answered.map(async (_, worker) => {
    while (!over) {
      try {
        await lease.invoke("work", Uint8Array.of(OK), { worker });
        answered[worker]!++;
      } catch (error) {
        failed.push(error as RfaasError);
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  });
  const killedMs = performance.now();
  Deno.kill(pid, signal);
  const before = [...answered];
  await until(() => events.some(({ type }) => type === "recovered"), () => "it is back");
  const backMs = performance.now() - killedMs;
  console.log(`${signal} to recovery of one of four workers, pooled: ${backMs.toFixed(0)} ms`);
  for (const worker of [0, 1, 3]) assert(answered[worker]! > before[worker]!, `${answered}`);
  assert(backMs < limitMs(signal === "SIGKILL" ? 1500 : 3000));
  over = true;
  await within(5000, "the lanes", Promise.all(lanes));
  assert(failed.length <= 1 && failed.every((error) => error instanceof ExecutorLostError));
  assert((await state(lease, 2))[0] !== pid);
}
