/** Functions with many results: one chunk a request, and ended with the loop. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  BusyError,
  DeadlineExceededError,
  ExecutorLostError,
  FunctionError,
  type Lease,
  ResultTooLongError,
} from "../../../mod.ts";
import { bundleModule } from "../../../runtime/package/bundle.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { lastingMs, limitMs } from "../../support/time_factor.ts";
import { within } from "../../support/waiting.ts";

const none = new Uint8Array();

/** `state` returns the steps and the ends of the generators. */
const functions = packageOf(`
  let steps = 0, ended = 0;
  export const state = (_, output) => { output[0] = steps; output[1] = ended; return 2; };
  const reset = () => { steps = 0; ended = 0; };
  export function* count(input, output) {
    reset();
    const end = input[0];
    try {
      for (let i = 0; i < end; i++) { steps++; output[0] = i; output[1] = input[1]; yield 2; }
    } finally { ended++; }
  }
  export async function* later(input, output) {
    reset();
    const end = input[0];
    try {
      for (let i = 0; i < end; i++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        steps++; output[0] = i; yield 1;
      }
    } finally { await null; ended++; }
  }
  export function* fails(input, output) { reset(); output[0] = 1; yield 1; output[0] = 2; yield 1; throw new RangeError("third"); }
  export function* bad(input) {
    reset();
    try { yield 1; yield [NaN, -1, 0.5, "1", undefined, 2 ** 31, 65537][input[0]]; } finally { ended++; }
  }
  export async function* badEnd() { try { yield 0; yield 0; } finally { throw new TypeError("at the end"); } }
  export async function* badTwice(input) {
    reset();
    try { yield input[0] === 0 ? -1 : 70000; } finally { await null; ended++; throw new TypeError("at the end"); }
  }
  export function* stubborn() { reset(); try { yield 0; } finally { ended++; yield 0; ended++; } }
  export function* stuck() { yield 0; for (;;); }
  export async function* never() { reset(); yield 0; steps++; await new Promise(() => {}); }
  export async function* heeds(_, output, context) {
    reset();
    try {
      yield 0;
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      steps = 99;
    } finally { ended++; }
  }
  export const echo = (input, output) => (output.set(input), input.length);
  const mark = (f) => Object.assign(f, { [Symbol.for("rfaas.function")]: { input: "bytes", output: "bytes", stream: true } });
  export const forged = mark((input) => [
    null, "x", {}, { next: 1 }, { get next() { throw new Error("caught you") } },
    { next: () => null }, { next: () => ({ get done() { throw new Error("caught you") } }) },
    { next: () => ({ value: 1n }) }, { next() { throw null } },
    { next: () => ({ then(ok) { ok({ done: false, value: {} }) } }), get return() { throw 1 } },
  ][input[0]]);
`);

async function state(lease: Lease): Promise<[steps: number, ended: number]> {
  const [steps, ended] = await lease.invoke("state", none, { worker: 0 });
  return [steps!, ended!];
}

async function until(lease: Lease, good: (steps: number, ended: number) => boolean) {
  const untilMs = performance.now() + limitMs(3000);
  for (;;) {
    const [steps, ended] = await state(lease);
    if (good(steps, ended)) return;
    assert(performance.now() < untilMs, `${steps} steps, ${ended} ended`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<number[]> {
  const firsts: number[] = [];
  for await (const chunk of stream) firsts.push(chunk[0]!);
  return firsts;
}

Deno.test("`stream()` returns the chunks of generators in order, each as a copy", async () => {
  await using held = await startLease({ functions, workers: 2, maxBytes: 1024, depth: 3 });
  const { lease } = held;
  for (const name of ["count", "later"]) {
    for (const end of [0, 1, 5]) {
      const chunks = await Array.fromAsync(lease.stream(name, Uint8Array.of(end, 7)));
      assertEquals(chunks.map((chunk) => chunk[0]), Array.from({ length: end }, (_, i) => i));
    }
  }
  // Several at a time, beside other calls, on all slots but one of each worker.
  const streams = Array.from(
    { length: 4 },
    (_, i) => Array.fromAsync(lease.stream("count", Uint8Array.of(50, i), { worker: i % 2 })),
  );
  const echoes = Array.from({ length: 20 }, (_, i) => lease.invoke("echo", Uint8Array.of(i)));
  (await Promise.all(streams)).forEach((chunks, i) => {
    assertEquals(
      chunks.map(([at, tag]) => [at, tag]),
      Array.from({ length: 50 }, (_, at) => [at, i]),
    );
  });
  assertEquals((await Promise.all(echoes)).map(([byte]) => byte), [...Array(20).keys()]);
});

Deno.test("a worker takes no step before a request, and ends its generator with the loop", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, depth: 2 });
  const { lease } = held;
  for (const name of ["count", "later"]) {
    let seen = 0;
    for await (const _ of lease.stream(name, Uint8Array.of(100))) {
      seen++;
      assertEquals(await state(lease), [seen, 0], name);
      if (seen === 3) break;
    }
    assertEquals(await state(lease), [3, 1], name); // its `finally` has run when the loop ends
    // An error in the loop ends it too.
    await assertRejects(
      async () => {
        for await (const _ of lease.stream(name, Uint8Array.of(100))) throw new Error("mine");
      },
      Error,
      "mine",
    );
    assertEquals(await state(lease), [1, 1], name);
  }
  // A generator that yields in `finally` is not resumed.
  for await (const _ of lease.stream("stubborn", none)) break;
  assertEquals((await state(lease))[1], 1);
  // All slots are free again: they are acquired one after the other.
  assertEquals(await collect(lease.stream("count", Uint8Array.of(3))), [0, 1, 2]);
  assertEquals(await Promise.all([1, 2, 3].map((i) => lease.invoke("echo", Uint8Array.of(i)))), [
    Uint8Array.of(1),
    Uint8Array.of(2),
    Uint8Array.of(3),
  ]);
});

Deno.test("a stream that is never read sends no request", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, depth: 1 });
  const { lease } = held;
  const stream = lease.stream("count", Uint8Array.of(1));
  assertEquals(await state(lease), [0, 0]);
  await stream.return();
  assertEquals(await lease.invoke("echo", none), none);
});

Deno.test("an error of a generator arrives after the chunks before it", async () => {
  await using held = await startLease({ functions, maxBytes: 65_536, depth: 1 });
  const { lease } = held;
  const seen: number[] = [];
  const error = await assertRejects(
    async () => {
      for await (const [byte] of lease.stream("fails", none)) seen.push(byte!);
    },
    FunctionError,
    "fails threw RangeError: third",
  );
  assertEquals([seen, error.remoteName], [[1, 2], "RangeError"]);
  for (let i = 0; i < 7; i++) {
    await assertRejects(
      () => collect(lease.stream("bad", Uint8Array.of(i))),
      i < 5 ? FunctionError : ResultTooLongError,
      i < 5 ? "expected the number of bytes written" : "the output buffer has 65536",
    );
    assertEquals((await state(lease))[1], 1, `${i}`); // ended
  }
  await assertRejects(
    async () => {
      for await (const _ of lease.stream("badEnd", none)) break;
    },
    FunctionError,
    "badEnd threw TypeError: at the end",
  );
  // The worker serves on, whatever is marked as a stream.
  for (let i = 0; i < 10; i++) {
    await assertRejects(() => collect(lease.stream("forged", Uint8Array.of(i))), FunctionError);
  }
  assertEquals(await lease.invoke("echo", Uint8Array.of(5)), Uint8Array.of(5));
});

Deno.test("`invoke()`, `prepare()` and `stream()` refuse the other kind of function", async () => {
  await using held = await startLease({ functions, maxBytes: 1024 });
  const { lease } = held;
  await assertRejects(() => lease.invoke("count", none), TypeError, "it returns many results");
  await assertRejects(
    () => collect(lease.stream("echo", none)),
    TypeError,
    "it returns one result",
  );
  await assertRejects(
    () => Promise.try(() => lease.prepare("count")),
    TypeError,
    "it returns many results",
  );
  await assertRejects(() => collect(lease.stream("none", none)), Error, "no such function");
});

Deno.test("an async generator that throws at its end after a bad chunk does not end its executor", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, depth: 2 });
  const { lease } = held;
  await assertRejects(() => lease.stream("badTwice", Uint8Array.of(0)).next(), FunctionError);
  await until(lease, (_, ended) => ended === 1);
  await assertRejects(() => lease.stream("badTwice", Uint8Array.of(1)).next(), ResultTooLongError);
  await until(lease, (_, ended) => ended === 1);
  assertEquals(lease.parts.length, 1);
});

Deno.test("a call beside streams that hold all slots is refused, and served once one ends", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, depth: 1 });
  const { lease } = held;
  const stream = lease.stream("count", Uint8Array.of(100));
  await stream.next();
  await assertRejects(() => lease.invoke("echo", none), BusyError, "prepared calls and streams");
  await stream.return();
  assertEquals(await lease.invoke("echo", none), none);
});

Deno.test("a deadline and a signal of a stream end the generator between two chunks", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, depth: 2 });
  const { lease } = held;
  const slow = async (options: { deadlineMs?: number; signal?: AbortSignal }) => {
    for await (const _ of lease.stream("count", Uint8Array.of(100), options)) {
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  };
  await assertRejects(
    () => slow({ deadlineMs: 1000 }), // it begins before that, also on a worker that is interrupted
    DeadlineExceededError,
    "its deadline of 1000 ms has passed",
  );
  await until(lease, (steps, ended) => steps > 0 && ended === 1);
  const giveUp = new AbortController();
  setTimeout(() => giveUp.abort(new Error("enough")), 1000);
  await assertRejects(() => slow({ signal: giveUp.signal }), Error, "enough");
  await until(lease, (steps, ended) => steps > 0 && ended === 1);
  await assertRejects(
    () => slow({ signal: AbortSignal.abort(new Error("before")) }),
    Error,
    "before",
  );
});

Deno.test("a stream given up during a chunk fires the function's signal, and ends after the chunk", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, depth: 2, hotMs: 0 });
  const { lease } = held;
  const giveUp = new AbortController();
  const stream = lease.stream("heeds", none, { signal: giveUp.signal });
  await stream.next();
  const next = stream.next();
  next.catch(() => {});
  await until(lease, () => true); // the function has the request
  giveUp.abort(new Error("enough"));
  await assertRejects(() => next, Error, "enough");
  await until(lease, (steps, ended) => steps === 99 && ended === 1);
  // A function that ignores the signal is ended after its chunk.
  const late = new AbortController();
  const slow = lease.stream("later", Uint8Array.of(200), { signal: late.signal });
  await slow.next();
  const pending = slow.next();
  late.abort(new Error("too late"));
  await assertRejects(() => pending, Error, "too late");
  await until(lease, (_, ended) => ended === 1);
});

Deno.test("a generator that never yields loses its executor, and the lease recovers", async () => {
  await using held = await startLease({ functions, maxBytes: 1024, depth: 2 });
  const { lease } = held;
  for (const name of ["stuck", "never"]) {
    const stream = lease.stream(name, none, { deadlineMs: lastingMs(1000) }); // for the first chunk as well
    await stream.next();
    await assertRejects(() => stream.next(), DeadlineExceededError);
    assertEquals(
      await within(5000, name, lease.invoke("echo", Uint8Array.of(1))),
      Uint8Array.of(1),
    );
  }
  // A stream beside it is lost with its executor, after the chunks that have arrived.
  const beside = lease.stream("count", Uint8Array.of(100));
  await beside.next();
  const stuck = lease.stream("stuck", none, { deadlineMs: lastingMs(1000) });
  await stuck.next();
  await assertRejects(() => stuck.next(), DeadlineExceededError);
  await within(5000, "the new executor", lease.invoke("echo", none));
  const error = await assertRejects(() => beside.next(), ExecutorLostError);
  assertEquals(error.code, "deadline");
  assertEquals(error.outcome, "unknown");
});

Deno.test("a stream goes on at its node while its lease moves to another one", async () => {
  await using cluster = await startCluster({ nodes: 2 });
  const client = await cluster.connect();
  const lease = await client.lease({ functions, maxBytes: 1024, depth: 2 });
  const stream = lease.stream("count", Uint8Array.of(10));
  await stream.next();
  const [left] = lease.nodes;
  const status = lease.status();
  const moved = (async () => {
    for await (const { type } of status) if (type === "moved") return;
  })();
  const node = cluster.nodes[Number(left!.slice("node-".length))]!;
  const drained = node.drain(limitMs(20_000));
  await within(10_000, "the move", moved);
  assert(lease.nodes[0] !== left);
  assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1)); // on the other node
  assertEquals(await collect(stream), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await within(10_000, "the drained node", drained); // long before the end of its grace period
});

type Typed = typeof import("../../support/functions/typed_functions.ts");

Deno.test("`lease.call` of a typed generator returns its values one by one", async () => {
  const typed = await bundleModule(
    new URL("../../support/functions/typed_functions.ts", import.meta.url),
  );
  await using held = await startLease({ functions: typed });
  const lease = held.lease as Lease<Typed>;
  const seen: number[] = [];
  for await (const { at } of lease.call.countTo(10)) {
    seen.push(at);
    if (at === 3) break;
  }
  assertEquals(seen, [0, 1, 2, 3]);
  const lengths: number[] = [];
  for await (const values of lease.call.halves(Float64Array.of(1, 2, 3, 4))) {
    lengths.push(values.length);
    assertEquals(values[0], 1);
  }
  assertEquals(lengths, [4, 2, 1]);
});

/** Never runs: it is for the compiler alone. */
export async function checkedByTheCompiler(lease: Lease<Typed>): Promise<void> {
  for await (const { at } of lease.call.countTo(3)) at satisfies number;
  // @ts-expect-error: it returns many values, no promise of one
  lease.call.countTo(3).then;
  // @ts-expect-error: another argument
  lease.call.countTo("3");
  // @ts-expect-error: no such field
  for await (const { total } of lease.call.countTo(3)) total;
}
