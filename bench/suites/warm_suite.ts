/**
 * Calls with a sleeping end: the worker, or the client that waits for a long function. Each is compared with the lower bound
 * of two sleeping processes, alternating call by call.
 */

import { alignColumns } from "../../cli/table.ts";
import { toRow } from "../rows.ts";
import { openSleepers, type Sleepers } from "../floors/sleepers.ts";
import type { Bench } from "./suite.ts";
import { Times } from "../times.ts";
import type { Lease } from "../../mod.ts";
import { withLease } from "./with_lease.ts";

const BYTES = 64;
/** How long a worker polls after its last call. */
const HOT_MS = 2;
/** Longer than HOT_MS and than the client polls, so that both sleep when the call is made. */
const ASLEEP_MS = 20;
/**
 * Sequential warm-up rounds of each case: code that has run a hundred times is still interpreted, while after a sleep only
 * the cache is cold. An app that sleeps between its calls has run them often enough.
 */
const COMPILING_ROUNDS = 3000;
/** Computing time of the long function: longer than the client polls. */
const COMPUTE_MS = 5;

/** A call with a sleeping end, and the same exchange of the two bare processes. */
interface Case {
  readonly path: string;
  /** Computing time, which is subtracted. */
  readonly workMs: number;
  call(): Promise<unknown> | unknown;
  best(): Promise<unknown> | unknown;
  /** Runs both, without computing time, for the warm-up. */
  warmUp(): Promise<unknown> | unknown;
}

export async function warmSuite(bench: Bench): Promise<void> {
  const calls = bench.quick ? 20 : 300;
  await withLease({ workers: 1, depth: 4, maxBytes: 4096, hotMs: HOT_MS }, async (lease) => {
    await using sleepers = await openSleepers();
    const lines = [["", "rfaas p50 us", "bare p50 us", "ratio"]];
    const cases = casesOf(lease, sleepers);
    for (const each of cases) {
      bench.progress(`warm, ${each.path}: warming up`);
      for (let i = 0; i < COMPILING_ROUNDS; i++) await each.warmUp();
    }
    for (const each of cases) {
      const rfaas = new Times();
      const best = new Times();
      for (let i = -5; i < calls; i++) { // negative ones warm up
        bench.progress(`warm, ${each.path}, ${Math.max(0, i)} of ${calls}`);
        const [call, other] = [
          await timed(bench, each.workMs, each.call),
          await timed(bench, each.workMs, each.best),
        ];
        if (i < 0) continue;
        rfaas.add(call);
        best.add(other);
      }
      bench.add(
        toRow("warm", `rfaas, ${each.path}`, BYTES, rfaas),
        toRow("warm", `two bare processes, ${each.path}`, BYTES, best),
      );
      const [p50, bestP50] = [rfaas.percentileUs(50), best.percentileUs(50)];
      lines.push([each.path, p50.toFixed(1), bestP50.toFixed(1), (p50 / bestP50).toFixed(2)]);
    }
    bench.addText(`warm\n${alignColumns(lines, [0])}`);
  });
}

function casesOf(lease: Lease, sleepers: Sleepers): Case[] {
  const call = lease.prepare("echo", { bytes: BYTES, resultBytes: BYTES });
  const long = lease.prepare("compute", { bytes: 1, resultBytes: 1 });
  return [
    {
      path: "worker asleep, client spins",
      workMs: 0,
      call: () => call.invokeSync(BYTES),
      best: () => sleepers.spinning(),
      warmUp() {
        call.invokeSync(BYTES);
        sleepers.spinning();
      },
    },
    {
      path: "worker asleep, client awaits",
      workMs: 0,
      call: () => call.invoke(BYTES),
      best: () => sleepers.sleeping(0),
      async warmUp() {
        await call.invoke(BYTES);
        await sleepers.sleeping(0);
      },
    },
    {
      path: "both asleep, 5 ms of computing",
      workMs: COMPUTE_MS,
      call: () => {
        long.input[0] = COMPUTE_MS;
        return long.invoke(1);
      },
      best: () => sleepers.sleeping(COMPUTE_MS),
      async warmUp() {
        long.input[0] = 0;
        await long.invoke(1);
        await sleepers.sleeping(0);
      },
    },
  ];
}

/** Returns the microseconds of one run, after all ends have fallen asleep. */
async function timed(
  bench: Bench,
  workMs: number,
  run: () => Promise<unknown> | unknown,
): Promise<number> {
  await bench.pause(ASLEEP_MS);
  const before = bench.cycles();
  await run();
  return Math.max(0, (bench.cycles() - before) / bench.perUs - workMs * 1000);
}
