/** Is the event loop alive? How late a timer of 10 ms is while 64 calls are under way all the time. */

import type { Lease } from "../mod.ts";
import { toRow } from "./rows.ts";
import type { Bench } from "./suite.ts";
import { Times } from "./times.ts";
import { withLease } from "./with_lease.ts";

const BYTES = 64;
const TIMER_MS = 10;
const IN_FLIGHT = 64;

export async function timerSuite(bench: Bench): Promise<void> {
  const forMs = (bench.seconds ?? (bench.quick ? 1 : 10)) * 1000;
  await withLease({ workers: 1, depth: IN_FLIGHT, maxBytes: 4096 }, async (lease) => {
    bench.progress("timer: nothing beside it");
    bench.add(toRow("timer", "lateness, nothing beside it", 0, await lateness(bench, forMs)));
    bench.progress(`timer: ${IN_FLIGHT} calls beside it`);
    const path = `lateness, ${IN_FLIGHT} calls beside it`;
    const late = await beside(lease, () => lateness(bench, forMs));
    bench.add(toRow("timer", path, BYTES, late));
  });
}

/** Microseconds that a timer is late, again and again. */
async function lateness(bench: Bench, forMs: number): Promise<Times> {
  const times = new Times();
  const untilMs = performance.now() + forMs;
  for (let nowMs = performance.now(); nowMs < untilMs;) {
    const dueMs = nowMs + TIMER_MS;
    await bench.pause(TIMER_MS);
    nowMs = performance.now();
    times.add(Math.max(0, nowMs - dueMs) * 1000);
  }
  return times;
}

/** Keeps calls under way until `run` has settled. */
async function beside<T>(lease: Lease, run: () => Promise<T>): Promise<T> {
  const payload = new Uint8Array(BYTES).fill(7);
  let going = true;
  const calling = Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (going) await lease.invoke("echo", payload);
  }));
  try {
    return await run();
  } finally {
    going = false;
    await calling;
  }
}
