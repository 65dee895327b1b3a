/** What functions may know of their call and lease, their hooks, and what they log. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeadlineExceeded, type Lease, LeaseRefused, type LogLine } from "../../../mod.ts";
import { startCluster } from "../../support/cluster.ts";
import { startLease, within } from "../../support/cluster_lease.ts";
import { packageOf } from "../../support/functions_package.ts";
import { limitMs } from "../../support/time_factor.ts";

const none = new Uint8Array();

/** Functions answer in JSON. */
const functions = packageOf(`
  const encoder = new TextEncoder();
  const say = (output, value) => encoder.encodeInto(JSON.stringify(value), output).written;
  let began, kept, calls = 0, reason = "none";
  export async function init(context) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    began = { lease: context.lease, worker: context.worker };
  }
  let firedAt;
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  export const state = (_, output) => say(output, { began, calls: ++calls, reason });
  export const asksLate = async (_, output, context) => {
    await pause(20);
    const { signal } = context;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    firedAt = Date.now();
    return 0;
  };
  export const whenFired = (_, output) => say(output, firedAt ?? null);
  export const told = (_, output, context) => {
    const before = context.timeLeftMs;
    kept = context;
    return say(output, [context.lease, context.worker, before, context.signal.aborted]);
  };
  export const bare = function (_, output) { return say(output, arguments.length); };
  export const keptOne = (_, output) =>
    say(output, [kept.timeLeftMs, kept.signal.aborted, kept.signal === kept.signal]);
  export const untilAborted = async (_, output, context) => {
    kept = context;
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    reason = context.signal.reason.name;
    return 0;
  };
  export const quick = async (_, output, context) => {
    kept = context;
    context.signal.addEventListener("abort", () => reason = "fired late");
    return 0;
  };
  export const logs = (input, _, { log }) => { // taken out of its context, as one does
    const { count, text } = JSON.parse(new TextDecoder().decode(input));
    for (let i = 0; i < count; i++) log(text + i);
    return 0;
  };
`);

async function ask(lease: Lease, name: string, options = {}) {
  return JSON.parse(new TextDecoder().decode(await lease.invoke(name, none, options)));
}

/** Asks until the answer is as it should be, or says what it was. */
async function askUntil(lease: Lease, name: string, good: (answer: { reason: string }) => boolean) {
  const untilMs = performance.now() + limitMs(3000);
  for (;;) {
    const answer = await ask(lease, name, { worker: 0 });
    if (good(answer)) return;
    assert(performance.now() < untilMs, JSON.stringify(answer));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("a function with a third parameter is told its lease, worker and time; others get no context", async () => {
  await using held = await startLease({ functions, workers: 2, maxBytes: 1024 });
  const { lease } = held;
  for (const worker of [0, 1]) {
    const [id, number, leftMs, aborted] = await ask(lease, "told", { worker });
    assertEquals([id, number, aborted], [lease.id, worker, false]);
    assertEquals(leftMs, null); // Infinity, in JSON
    const [, , left] = await ask(lease, "told", { worker, deadlineMs: 5000 });
    assert(left > 0 && left <= 5000, `${left}`);
    // What a function keeps of a call that is over tells nothing of later ones.
    assertEquals(await ask(lease, "keptOne", { worker, deadlineMs: 5000 }), [0, false, true]);
  }
  assertEquals(await ask(lease, "bare"), 2);
});

Deno.test("init is awaited before the first call of each worker, whose state it shares", async () => {
  await using held = await startLease({ functions, workers: 2, maxBytes: 1024 });
  const { lease } = held;
  assertEquals(lease.functions.includes("init"), false);
  for (const worker of [0, 1]) {
    for (let call = 1; call <= 2; call++) {
      const { began, calls } = await ask(lease, "state", { worker });
      assertEquals([began, calls], [{ lease: lease.id, worker }, call]);
    }
  }
});

Deno.test("an init that fails refuses the lease, and says why", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const cases: [body: string, message: string][] = [
    ["throw new RangeError('no data')", "init threw RangeError: no data"],
    ["await null; throw 7", "init threw thrown: 7"],
    ["throw { get name() { throw 1 } }", "init threw thrown: a value that cannot be shown"],
    ["throw new Error('x'.repeat(1e6))", "init threw Error: xxx"], // more than a message holds
  ];
  for (const [body, message] of cases) {
    const functions = packageOf(
      `export async function init() { ${body} } export const f = () => 0;`,
    );
    const error = await assertRejects(() => client.lease({ functions }), LeaseRefused, message);
    assertEquals((error as LeaseRefused).reason, "bad-package");
  }
  // The first worker says nothing: it goes with its executor when the second has said why.
  const second = packageOf(`
    export const init = ({ worker }) => {
      if (worker === 0) return new Promise(() => {});
      throw new Error("no data here");
    };
    export const f = () => 0;`);
  await assertRejects(
    () => client.lease({ functions: second, workers: 2 }),
    LeaseRefused,
    "init threw Error: no data here",
  );
  await assertRejects(
    () => client.lease({ functions: packageOf("export const init = () => {}") }),
    LeaseRefused,
    "it exports no function",
  );
});

Deno.test("the signal fires when the call is given up, also where its worker sleeps", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, hotMs: 0 });
  const { lease } = held;
  for (const pauseMs of [0, 50]) {
    const giveUp = new AbortController();
    const call = lease.invoke("untilAborted", none, { signal: giveUp.signal });
    call.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    giveUp.abort(new Error("enough"));
    await assertRejects(() => call, Error, "enough");
    await askUntil(lease, "state", ({ reason }) => reason === "AbortError");
  }
});

Deno.test("a signal that is asked for while the worker sleeps fires as soon as one that was asked for before", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, hotMs: 0 });
  const { lease } = held;
  const giveUp = new AbortController();
  const call = lease.invoke("asksLate", none, { signal: giveUp.signal });
  call.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 60)); // the worker is to sleep: nothing may be asked of it
  const atMs = Date.now();
  giveUp.abort();
  await new Promise((resolve) => setTimeout(resolve, limitMs(300)));
  const firedAt = await ask(lease, "whenFired");
  assert(firedAt !== null && firedAt - atMs < limitMs(120), `after ${firedAt - atMs} ms`);
});

Deno.test("the signal fires at the deadline, and a function that heeds it keeps its executor", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, hotMs: 0 });
  const { lease } = held;
  // On a busy host the timer may come too late once; then another executor serves, in its first call.
  for (let attempt = 0;; attempt++) {
    await assertRejects(
      () => lease.invoke("untilAborted", none, { deadlineMs: 60 }),
      DeadlineExceeded,
    );
    const { reason } = await ask(lease, "state");
    if (reason === "TimeoutError") break;
    assert(attempt < 10, "the executor was ended each time");
  }
});

Deno.test("the signal of a call that is over never fires", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, hotMs: 0 });
  const { lease } = held;
  await lease.invoke("quick", none, { deadlineMs: 30 });
  await ask(lease, "keptOne");
  const later = lease.invoke("untilAborted", none, { deadlineMs: 150 });
  await Promise.allSettled([later]); // its reply may be as early as its deadline; the event loop has had its turns
  const { reason } = await ask(lease, "state");
  assert(reason !== "fired late", reason);
});

Deno.test("what functions log reaches who asked for it, in order", async () => {
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
    { worker: 0, text: "a0" },
    { worker: 0, text: "a1" },
    { worker: 1, text: "ü".repeat(2000) + "…" },
  ]);
});

Deno.test("a function that logs without end is cut to its rate, and the rest is counted", async () => {
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
  const told = () => lines.filter(({ worker }) => worker !== undefined).length;
  const dropped = () =>
    lines.reduce((sum, { text }) => sum + Number(/^(\d+) lines dropped$/.exec(text)?.[1] ?? 0), 0);
  await within(
    5000,
    "the count of dropped lines",
    (async () => {
      while (told() + dropped() < flood) await new Promise((resolve) => setTimeout(resolve, 5));
    })(),
  );
  assertEquals(told() + dropped(), flood);
  assert(told() <= 200 + 200 * tookMs / 1000 + 1, `${told()} lines in ${tookMs} ms`);
  assertEquals((await ask(lease, "state")).calls, 1); // it serves on
});

Deno.test("dispose has its time at the end of the lease, and no more than that", async () => {
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
  assert(takes >= 190, `it was not awaited: ${takes}`);
  const both = await closing(
    `let n; export const init = ({ worker }) => { n = worker };
     export async function dispose() { if (n === 1) { ${sleep} } }`,
    2,
  );
  assert(both >= 190, `the second worker's was cut off: ${both}`);
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
