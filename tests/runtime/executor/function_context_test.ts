/** The context of functions, their hooks, and the lines that they log. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  DeadlineExceededError,
  type Lease,
  LeaseRefusedError,
  type LogLine,
} from "../../../mod.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { lastingMs, limitMs } from "../../support/time_factor.ts";
import { within } from "../../support/waiting.ts";

const none = new Uint8Array();

/** These functions return JSON. */
const functions = packageOf(`
  const encoder = new TextEncoder();
  const reply = (output, value) => encoder.encodeInto(JSON.stringify(value), output).written;
  let began, kept, calls = 0, reason = "none";
  export async function init(context) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    began = { lease: context.lease, worker: context.worker };
  }
  let firedAt;
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  export const state = (_, output) => reply(output, { began, calls: ++calls, reason });
  export const readsLate = async (_, output, context) => {
    await pause(20);
    const { signal } = context;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    firedAt = Date.now();
    return 0;
  };
  export const whenFired = (_, output) => {
    const at = firedAt;
    firedAt = undefined;
    return reply(output, at ?? null);
  };
  export const describe = (_, output, context) => {
    const before = context.timeLeftMs;
    kept = context;
    return reply(output, [context.lease, context.worker, before, context.signal.aborted]);
  };
  export const bare = function (_, output) { return reply(output, arguments.length); };
  export const keptOne = (_, output) =>
    reply(output, [kept.timeLeftMs, kept.signal.aborted, kept.signal === kept.signal]);
  export const untilAborted = async (_, output, context) => {
    kept = context;
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    reason = context.signal.reason.name;
    return 0;
  };
  export const quick = async ([round], output, context) => {
    kept = context;
    context.signal.addEventListener("abort", () => reason = "fired late in round " + round);
    return 0;
  };
  export const logs = (input, _, { log }) => { // destructured
    const { count, text } = JSON.parse(new TextDecoder().decode(input));
    for (let i = 0; i < count; i++) log(text + i);
    return 0;
  };
`);

async function callJson(lease: Lease, name: string, options = {}) {
  return JSON.parse(new TextDecoder().decode(await lease.invoke(name, none, options)));
}

/** Calls the function until its result is `good`; fails with the last result. */
async function callUntil(
  lease: Lease,
  name: string,
  good: (answer: { reason: string }) => boolean,
) {
  const untilMs = performance.now() + limitMs(3000);
  for (;;) {
    const answer = await callJson(lease, name, { worker: 0 });
    if (good(answer)) return;
    assert(performance.now() < untilMs, JSON.stringify(answer));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("a function with a third parameter receives its lease, worker and time left, and others no context", async () => {
  await using held = await startLease({ functions, workers: 2, maxBytes: 1024 });
  const { lease } = held;
  for (const worker of [0, 1]) {
    const [id, number, leftMs, aborted] = await callJson(lease, "describe", { worker });
    assertEquals([id, number, aborted], [lease.id, worker, false]);
    assertEquals(leftMs, null); // Infinity, in JSON
    const [, , left] = await callJson(lease, "describe", { worker, deadlineMs: 5000 });
    assert(left > 0 && left <= 5000, `${left}`);
    // A context that a function keeps does not change with later calls.
    assertEquals(await callJson(lease, "keptOne", { worker, deadlineMs: 5000 }), [0, false, true]);
  }
  assertEquals(await callJson(lease, "bare"), 2);
});

Deno.test("`init` is awaited before the first call of each worker, and shares its state", async () => {
  await using held = await startLease({ functions, workers: 2, maxBytes: 1024 });
  const { lease } = held;
  assertEquals(lease.functions.includes("init"), false);
  for (const worker of [0, 1]) {
    for (let call = 1; call <= 2; call++) {
      const { began, calls } = await callJson(lease, "state", { worker });
      assertEquals([began, calls], [{ lease: lease.id, worker }, call]);
    }
  }
});

Deno.test("an `init` that fails refuses the lease, with its error as the message", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const cases: [body: string, message: string][] = [
    ["throw new RangeError('no data')", "init threw RangeError: no data"],
    ["await null; throw 7", "init threw 7"],
    ["throw { get name() { throw 1 } }", "init threw { name: [Getter] }"],
    ["throw new Error('x'.repeat(1e6))", "init threw Error: xxx"], // more than a message holds
  ];
  for (const [body, message] of cases) {
    const functions = packageOf(
      `export async function init() { ${body} } export const f = () => 0;`,
    );
    const error = await assertRejects(
      () => client.lease({ functions }),
      LeaseRefusedError,
      message,
    );
    assertEquals((error as LeaseRefusedError).reason, "bad-package");
  }
  // The first worker never reports: the error of the second ends the attempt to attach to it.
  const second = packageOf(`
    export const init = ({ worker }) => {
      if (worker === 0) return new Promise(() => {});
      throw new Error("no data here");
    };
    export const f = () => 0;`);
  await assertRejects(
    () => client.lease({ functions: second, workers: 2 }),
    LeaseRefusedError,
    "init threw Error: no data here",
  );
  await assertRejects(
    () => client.lease({ functions: packageOf("export const init = () => {}") }),
    LeaseRefusedError,
    "it exports no function",
  );
});

Deno.test("the signal fires when the client gives the call up, also on a worker that sleeps", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, hotMs: 0 });
  const { lease } = held;
  for (const pauseMs of [0, 50]) {
    const giveUp = new AbortController();
    const call = lease.invoke("untilAborted", none, { signal: giveUp.signal });
    call.catch(() => {});
    await callJson(lease, "state"); // the call before it has begun
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    giveUp.abort(new Error("enough"));
    await assertRejects(() => call, Error, "enough");
    await callUntil(lease, "state", ({ reason }) => reason === "AbortError");
  }
});

Deno.test("a signal that a function reads while its worker sleeps fires as soon as one that it read before", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, hotMs: 0 });
  const { lease } = held;
  const afterMs: number[] = [];
  // A worker that is not woken sleeps for 200 ms more each time. A busy host is as late now and then.
  do {
    const giveUp = new AbortController();
    const call = lease.invoke("readsLate", none, { signal: giveUp.signal });
    call.catch(() => {});
    await callJson(lease, "state"); // the call before it has begun
    await new Promise((resolve) => setTimeout(resolve, 60)); // lets the worker sleep: no call may wake it
    const atMs = Date.now();
    giveUp.abort();
    await new Promise((resolve) => setTimeout(resolve, lastingMs(300)));
    const firedAt = await callJson(lease, "whenFired");
    afterMs.push(firedAt === null ? Infinity : firedAt - atMs);
  } while (afterMs.at(-1)! >= lastingMs(120) && afterMs.length < 10);
  assert(afterMs.at(-1)! < lastingMs(120), `after ${afterMs} ms`);
});

Deno.test("the signal fires at the deadline, and a function that returns then keeps its executor", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, hotMs: 0 });
  const { lease } = held;
  // On a busy host the timer may fire too late; then another executor serves the next call, its first. Or the client's
  // timer is the late one; then the call still ends with its reply.
  for (let attempt = 0;; attempt++) {
    const call = lease.invoke("untilAborted", none, { deadlineMs: 60 });
    await call.catch((error) => assertInstanceOf(error, DeadlineExceededError));
    const { reason } = await callJson(lease, "state");
    if (reason === "TimeoutError") break;
    assert(attempt < 10, "the executor was ended each time");
  }
});

Deno.test("the signal of a call that has ended never fires", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, hotMs: 0 });
  const { lease } = held;
  let round = 0;
  const inTime = () =>
    lease.invoke("quick", Uint8Array.of(round), { deadlineMs: 30 }).then(() => true, (error) => {
      assertInstanceOf(error, DeadlineExceededError); // on a busy host
      return false;
    });
  while (!await inTime()) assert(++round < 20, "no call has ended in time");
  await callJson(lease, "keptOne");
  const later = lease.invoke("untilAborted", none, { deadlineMs: 150 });
  await Promise.allSettled([later]); // its reply may come at its deadline; by then the event loop has turned
  const { reason } = await callJson(lease, "state");
  assert(reason !== `fired late in round ${round}`, reason);
});

Deno.test("lines that functions log reach a client with `onLog` in order", async () => {
  const lines: LogLine[] = [];
  await using held = await startLease({
    functions,
    workers: 2,
    maxBytes: 8192,
    onLog: (line) => lines.push(line),
  });
  const { lease } = held;
  const log = (count: number, text: string, worker: number) =>
    lease.invoke("logs", new TextEncoder().encode(JSON.stringify({ count, text })), { worker });
  await log(2, "a", 0);
  await untilLines(lines, 2);
  await log(1, "ü".repeat(3000), 1);
  await untilLines(lines, 3);
  assertEquals(lines, [
    { worker: 0, level: "info", text: "a0" },
    { worker: 0, level: "info", text: "a1" },
    { worker: 1, level: "info", text: "ü".repeat(2000) + "…" },
  ]);
});

Deno.test("a function that logs without end is limited to its rate, and dropped lines are counted", async () => {
  const lines: LogLine[] = [];
  await using held = await startLease({
    functions,
    maxBytes: 8192,
    onLog: (line) => lines.push(line),
  });
  const { lease } = held;
  const flood = 200_000;
  const began = performance.now();
  await lease.invoke("logs", new TextEncoder().encode(JSON.stringify({ count: flood, text: "x" })));
  const tookMs = performance.now() - began;
  const sent = () => lines.filter(({ worker }) => worker !== undefined).length;
  const dropped = () =>
    lines.reduce((sum, { text }) => sum + Number(/^(\d+) lines dropped$/.exec(text)?.[1] ?? 0), 0);
  await within(
    5000,
    "the count of dropped lines",
    (async () => {
      while (sent() + dropped() < flood) await new Promise((resolve) => setTimeout(resolve, 5));
    })(),
  );
  assertEquals(sent() + dropped(), flood);
  assert(sent() <= 200 + 200 * tookMs / 1000 + 1, `${sent()} lines in ${tookMs} ms`);
  assertEquals((await callJson(lease, "state")).calls, 1); // the same executor still serves
});

Deno.test("`dispose` has its time at the end of the lease, and no more", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const closing = async (dispose: string, workers = 1) => {
    const functions = packageOf(`${dispose} export const f = () => 0;`);
    const lease = await client.lease({ functions, workers });
    await lease.invoke("f", none);
    const began = performance.now();
    await lease.close();
    return performance.now() - began;
  };
  const sleep = "await new Promise((resolve) => setTimeout(resolve, 200));";
  const takes = await closing(`export async function dispose() { ${sleep} }`);
  assert(takes >= 190, `it was not awaited: ${takes} ms`);
  const both = await closing(
    `let n; export const init = ({ worker }) => { n = worker };
     export async function dispose() { if (n === 1) { ${sleep} } }`,
    2,
  );
  assert(both >= 190, `that of the second worker was not awaited: ${both} ms`);
  for (
    const body of ["await new Promise(() => {})", "for (;;);", "throw null"]
  ) {
    const ms = await closing(`export async function dispose() { ${body} }`);
    assert(ms < limitMs(1500), `${body}: ${ms}`);
  }
});

async function untilLines(lines: LogLine[], count: number): Promise<void> {
  await within(
    3000,
    `line ${count}`,
    (async () => {
      while (lines.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
    })(),
  );
}
