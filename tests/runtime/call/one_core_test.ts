/** Client and executor on one core: each call is two changes of the thread, and no end polls for the other. */

import { assert, assertEquals } from "@std/assert";
import { allowedCores, keepOnCores } from "../../../ffi/affinity.ts";
import { openLibc } from "../../../ffi/libc.ts";
import type { Lease } from "../../../mod.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { lastingMs, limitMs, scaledCount } from "../../support/time_factor.ts";

const BYTES = 64;
/** An end that polls keeps the core for 0.14 ms and more. Two changes of the thread take 0.01. */
const CALL_MS = lastingMs(0.06);

/** Runs a test with a lease whose client and executor have one core. */
async function onOneCore(use: (lease: Lease) => Promise<void>): Promise<void> {
  const libc = openLibc();
  const all = allowedCores(libc);
  keepOnCores(libc, all.slice(0, 1)); // the executors inherit it
  try {
    await using started = await startLease({ workers: 1, hotMs: Infinity }, {
      cluster: { fabric: "shm" },
    });
    await use(started.lease);
  } finally {
    keepOnCores(libc, all);
    libc.close();
  }
}

/** The mean time of a call in the first block that is fast enough: other work on the core slows most of them. */
async function fastestMs(call: () => unknown): Promise<number> {
  const CALLS = 20;
  let least = Infinity;
  for (let block = scaledCount(200, 20); block > 0 && least >= CALL_MS; block--) {
    const sinceMs = performance.now();
    for (let i = 0; i < CALLS; i++) await call();
    least = Math.min(least, (performance.now() - sinceMs) / CALLS);
  }
  return least;
}

Deno.test("client and worker that share their only core hand it over at once", () =>
  onOneCore(async (lease) => {
    using call = lease.prepare("echo", { bytes: BYTES, resultBytes: BYTES });
    const input = new Uint8Array(BYTES);
    const times = {
      invokeSync: await fastestMs(() => call.invokeSync(BYTES)),
      "prepared invoke": await fastestMs(() => call.invoke(BYTES)),
      invoke: await fastestMs(() => lease.invoke("echo", input)),
    };
    for (const [path, ms] of Object.entries(times)) {
      assert(ms < CALL_MS, `${path} took ${(1000 * ms).toFixed(0)} us`);
    }
  }));

Deno.test("on one core timers fire beside calls, many calls overlap, and functions keep their timers", () =>
  onOneCore(async (lease) => {
    let timers = 0;
    const timer = setInterval(() => timers++, 10);
    const untilMs = performance.now() + limitMs(1000);
    const lanes = Array.from({ length: 16 }, async (_, lane) => {
      for (let i = 0; timers < 10 && performance.now() < untilMs; i++) {
        const input = Uint8Array.of(lane, i & 0xff);
        assertEquals(await lease.invoke("echo", input), input);
      }
    });
    await Promise.all(lanes);
    clearInterval(timer);
    assert(timers >= 10, `${timers} timers of 10 ms fired`);
    await Promise.all(Array.from({ length: 8 }, () => lease.invoke("later", Uint8Array.of(5))));
  }));
