/** The usage that an executor is billed: its counters, bounded by the kernel's count; and how the counters add up. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ExecutorUsage } from "../../../../manager/executor/executors/executor_usage.ts";
import { POLLS_PER_LOOK } from "../../../../runtime/policy.ts";
import {
  CALLS,
  COMPUTE_NS,
  POLL_NS,
  UsageCounter,
} from "../../../../runtime/executor/usage_counter.ts";
import { WorkClock } from "../../../../runtime/executor/worker/work_clock.ts";
import { IN_CALL, watchTotals, watchWords } from "../../../../runtime/executor/watch_words.ts";

Deno.test("usage never exceeds the kernel's count since the lease began, and never shrinks", () => {
  const growth = fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100), fc.boolean());
  fc.assert(fc.property(fc.nat(1000), fc.array(growth), (base, steps) => {
    const counters = [0n, 0n, 0n, 0n];
    let cpu: bigint | undefined = BigInt(base);
    const usage = new ExecutorUsage({ read: (word) => counters[word]! }, () => cpu);
    let last = usage.read();
    let counted = cpu;
    for (const [compute, poll, spent, gone] of steps) {
      counters[COMPUTE_NS]! += BigInt(compute);
      counters[POLL_NS]! += BigInt(poll);
      if (cpu !== undefined) counted = cpu += BigInt(spent);
      if (gone) cpu = undefined;
      const now = usage.read();
      assert(now.computeNs + now.pollNs <= counted - BigInt(base), "more than the kernel counted");
      assert(now.pollNs <= counters[POLL_NS]!);
      assert(now.computeNs >= last.computeNs && now.pollNs >= last.pollNs, "it shrank");
      last = now;
    }
  }));
});

Deno.test("usage of other threads than the worker is billed as computing, and a counter that lags is not", () => {
  let [cpu, nowMs] = [100n, 0];
  const counters = [0n, 0n, 0n, 0n];
  const usage = new ExecutorUsage(
    { read: (word) => counters[word]! },
    () => cpu,
    false,
    () => nowMs,
  );
  const later = (ms: number, spent: bigint, poll: bigint, compute: bigint) => {
    [cpu, nowMs] = [cpu + spent, nowMs + ms];
    counters[POLL_NS]! += poll;
    counters[COMPUTE_NS]! += compute;
    return usage.read();
  };
  assertEquals(later(10, 50n, 0n, 0n), { computeNs: 0n, pollNs: 0n, calls: 0n });
  assertEquals(later(1000, 0n, 40n, 10n), { computeNs: 10n, pollNs: 40n, calls: 0n });
  later(1000, 30n, 0n, 0n);
  assertEquals(later(1000, 0n, 0n, 0n), { computeNs: 40n, pollNs: 40n, calls: 0n });
});

Deno.test("a native package is billed by the kernel's count, whatever the counters hold", () => {
  let cpu = 100n;
  let counter = 0n;
  const read = (word: number) => word === CALLS ? 0n : counter;
  const usage = new ExecutorUsage({ read }, () => cpu, true);
  cpu = 150n;
  assertEquals(usage.read(), { computeNs: 50n, pollNs: 0n, calls: 0n });
  counter = 1_000_000n;
  assertEquals(usage.read(), { computeNs: 50n, pollNs: 0n, calls: 0n });
});

Deno.test("calls never shrink, and never exceed what the processor time allows, whatever the counter holds", () => {
  let [cpu, calls] = [0n, 0n];
  const usage = new ExecutorUsage({ read: (word) => word === CALLS ? calls : 0n }, () => cpu);
  [cpu, calls] = [10_000n, 50n];
  assertEquals(usage.read().calls, 50n);
  calls = 2n ** 64n - 1n;
  assertEquals(usage.read().calls, 1000n);
  calls = 0n;
  assertEquals(usage.read().calls, 1000n);
});

Deno.test("a process that is gone is billed by the last count that it reported or that was read", () => {
  let cpu: bigint | undefined = 100n;
  const usage = new ExecutorUsage({ read: (word) => word === COMPUTE_NS ? 1000n : 0n }, () => cpu);
  cpu = 130n;
  assertEquals(usage.read().computeNs, 30n);
  cpu = undefined;
  assertEquals(usage.read().computeNs, 30n);
  usage.report(150n);
  assertEquals(usage.read().computeNs, 50n);
});

Deno.test("counters add up to the times of the worker's clock, whenever they are counted", () => {
  const pollCycles = 7;
  const step = fc.record({
    kind: fc.constantFrom("poll", "call", "async", "sleep", "yield", "count", "count-within-call"),
    cycles: fc.integer({ min: 1, max: 5000 }),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    let now = 1000;
    const words = new Int32Array(new SharedArrayBuffer(4 * watchWords(1)));
    const clock = new WorkClock(() => now, words, watchTotals(words));
    const added = [0n, 0n, 0n, 0n];
    let served = 0n;
    const add = (word: number, ns: bigint) => added[word]! += ns;
    const counter = new UsageCounter(words, () => now, add, () => now / 1e6);
    let computed = 0;
    let polled = 0;
    let polls = 0;
    let isIdle = false;
    const poll = () => {
      if (isIdle) clock.polled();
      else clock.waits();
      isIdle = true;
      now += pollCycles;
      polled += pollCycles;
      if (++polls % POLLS_PER_LOOK === 0) clock.look();
    };
    for (let i = 0; i < POLLS_PER_LOOK; i++) poll(); // measures the cost of a poll
    for (const { kind, cycles } of steps) {
      if (kind === "poll") { for (let i = 0; i < cycles; i++) poll(); }
      else if (kind === "count") counter.count();
      else if (kind === "call" || kind === "count-within-call") {
        if (isIdle) clock.arrived(); // as CallServer does
        isIdle = false;
        words[IN_CALL] = 1;
        now += cycles;
        computed += cycles;
        if (kind === "count-within-call") counter.count();
        words[IN_CALL] = 0;
        clock.served();
        served++;
      } else if (kind === "async") {
        clock.leave();
        now += cycles;
        computed += cycles;
        clock.resume();
      } else {
        clock.look();
        now += cycles;
        if (kind === "sleep") clock.slept();
        else {
          polled += cycles;
          clock.yielded();
        }
      }
    }
    clock.look();
    counter.count();
    assertEquals(added[CALLS], served);
    // Within a call the polls since the last look count as computing. A fraction of a nanosecond waits for the next count.
    const early = Number(added[COMPUTE_NS]) - computed;
    assert(
      early >= -1 && early <= 1 + POLLS_PER_LOOK * pollCycles,
      `${added} ${computed} ${polled}`,
    );
    if (!steps.some(({ kind }) => kind === "count-within-call")) {
      assert(early <= 1, `${added} ${computed} ${polled}`);
      assert(Math.abs(Number(added[POLL_NS]) - polled) <= 1, `${added} ${computed} ${polled}`);
    }
  }));
});
