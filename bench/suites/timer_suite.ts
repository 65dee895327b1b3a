/** Whether the event loop stays responsive: the lateness of a 10 ms timer beside 64 calls in flight. */

import type { Lease } from "../../mod.ts";
import { toRow } from "../rows.ts";
import type { Bench } from "./suite.ts";
import { Times } from "../times.ts";
import { withLease } from "./with_lease.ts";

const BYTES = 64;
const TIMER_MS = 10;
const IN_FLIGHT = 64;

export async function timerSuite(bench: Bench): Promise<void> {
  const forMs = (bench.seconds ?? (bench.quick ? 1 : 10)) * 1000;
  await withLease({ workers: 1, depth: IN_FLIGHT, maxBytes: 4096 }, async (lease) => {
    bench.progress("timer: alone");
    bench.add(toRow("timer", "lateness, alone", 0, await lateness(bench, forMs)));
    bench.progress(`timer: beside ${IN_FLIGHT} calls`);
    const path = `lateness, beside ${IN_FLIGHT} calls`;
    const late = await beside(lease, () => lateness(bench, forMs));
    bench.add(toRow("timer", path, BYTES, late));
  });
}

/** Measures the lateness of a timer, in microseconds. */
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

/** Keeps calls in flight until `run` settles. */
async function beside<T>(lease: Lease, run: () => Promise<T>): Promise<T> {
  const payload = new Uint8Array(BYTES).fill(7);
  let isRunning = true;
  const calling = Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (isRunning) await lease.invoke("echo", payload);
  }));
  try {
    return await run();
  } finally {
    isRunning = false;
    await calling;
  }
}
