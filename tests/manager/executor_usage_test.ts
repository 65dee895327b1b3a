/** What an executor is billed: its counters, bounded by the kernel's figure; and how the counters come to be. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ExecutorUsage } from "../../manager/executor/executor_usage.ts";
import { COMPUTE_NS, POLL_NS, UsageCounter } from "../../runtime/executor/usage_counter.ts";
import { WorkClock } from "../../runtime/executor/work_clock.ts";
import { IN_CALL, watchTotals, watchWords } from "../../runtime/executor/watch_words.ts";

Deno.test("usage never exceeds what the kernel counted since the lease began, and never shrinks", () => {
  const growth = fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100), fc.boolean());
  fc.assert(fc.property(fc.nat(1000), fc.array(growth), (base, steps) => {
    const counters = [0n, 0n];
    let cpu: bigint | undefined = BigInt(base);
    const usage = new ExecutorUsage({ read: (word) => counters[word]! }, () => cpu);
    let last = usage.read();
    let known = cpu;
    for (const [compute, poll, spent, gone] of steps) {
      counters[COMPUTE_NS]! += BigInt(compute);
      counters[POLL_NS]! += BigInt(poll);
      if (cpu !== undefined) known = cpu += BigInt(spent);
      if (gone) cpu = undefined;
      const now = usage.read();
      assert(now.computeNs <= known - BigInt(base), "more than the kernel counted");
      assert(now.computeNs <= counters[COMPUTE_NS]! && now.pollNs <= counters[POLL_NS]!);
      assert(now.computeNs >= last.computeNs && now.pollNs >= last.pollNs, "it shrank");
      last = now;
    }
  }));
});

Deno.test("of a native package the kernel's figure is billed, whatever the counters say", () => {
  let cpu = 100n;
  let counter = 0n;
  const usage = new ExecutorUsage({ read: () => counter }, () => cpu, true);
  cpu = 150n;
  assertEquals(usage.read(), { computeNs: 50n, pollNs: 0n });
  counter = 1_000_000n;
  assertEquals(usage.read(), { computeNs: 50n, pollNs: 0n });
});

Deno.test("a process that is gone is billed by the last figure that it told or that was read", () => {
  let cpu: bigint | undefined = 100n;
  const usage = new ExecutorUsage({ read: (word) => word === COMPUTE_NS ? 1000n : 0n }, () => cpu);
  cpu = 130n;
  assertEquals(usage.read().computeNs, 30n);
  cpu = undefined;
  assertEquals(usage.read().computeNs, 30n);
  usage.told(150n);
  assertEquals(usage.read().computeNs, 50n);
});

Deno.test("counters add up to what the workers' clocks saw, whenever they are counted", () => {
  const step = fc.record({
    kind: fc.constantFrom("poll", "call", "async", "sleep", "count", "count-within-call"),
    cycles: fc.integer({ min: 1, max: 5000 }),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    let now = 1000;
    const cycles = () => now;
    const words = new Int32Array(new SharedArrayBuffer(4 * watchWords(1)));
    const clock = new WorkClock(cycles, words, watchTotals(words));
    const added = [0n, 0n];
    const counter = new UsageCounter(cycles, (word, ns) => added[word]! += ns, () => now / 1e6);
    counter.watch(words);
    let computed = 0;
    let polled = 0;
    let isIdle = true;
    for (const { kind, cycles } of steps) {
      if (kind === "poll") polled += cycles;
      else if (kind !== "sleep" && kind !== "count") computed += cycles;
      if (kind === "count") counter.count();
      else if (kind === "call" || kind === "count-within-call") {
        if (isIdle) clock.began(); // as CallServer does: a call that follows at once is counted on
        isIdle = false;
        words[IN_CALL] = 1;
        now += cycles;
        if (kind === "count-within-call") counter.count();
        words[IN_CALL] = 0;
        clock.served();
      } else if (kind === "async") {
        clock.leave();
        now += cycles;
        clock.comeBack();
      } else if (kind === "sleep") {
        clock.look();
        now += cycles;
        clock.slept();
      } else {
        now += cycles;
        isIdle = true;
      }
    }
    clock.look();
    counter.count();
    // What is less than a nanosecond waits for the next time.
    assert(Math.abs(Number(added[COMPUTE_NS]) - computed) <= 1, `${added} ${computed} ${polled}`);
    assert(Math.abs(Number(added[POLL_NS]) - polled) <= 1, `${added} ${computed} ${polled}`);
  }));
});
