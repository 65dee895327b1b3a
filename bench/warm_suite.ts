/**
 * Calls that find somebody asleep: the worker, or the client that waits for a long function. Each beside the best that
 * two sleeping processes reach, call by call in turn.
 */

import { alignColumns, toRow } from "./rows.ts";
import { openSleepers, type Sleepers } from "./sleepers.ts";
import type { Bench } from "./suite.ts";
import { Times } from "./times.ts";
import type { Lease } from "../mod.ts";
import { withLease } from "./with_lease.ts";

const BYTES = 64;
/** How long a worker polls after its last call. */
const HOT_MS = 2;
/** Longer than that and what the client polls: both sleep when the call comes. */
const ASLEEP_MS = 20;
/**
 * Rounds of each before those that count, one after the other: code that has run a hundred times is still interpreted,
 * and it is the cache that is cold after a sleep. An app that sleeps between its calls has run them often enough.
 */
const COMPILING_ROUNDS = 3000;
/** What a long function computes for: longer than the client polls. */
const COMPUTE_MS = 5;

/** One way to be asleep: a call, and what the two processes do in its place. */
interface Case {
  readonly path: string;
  /** What is not waiting, and so taken off. */
  readonly workMs: number;
  call(): Promise<unknown> | unknown;
  best(): Promise<unknown> | unknown;
  /** Both, without work. */
  atOnce(): Promise<unknown> | unknown;
}

export async function warmSuite(bench: Bench): Promise<void> {
  const calls = bench.quick ? 20 : 300;
  await withLease({ workers: 1, depth: 4, maxBytes: 4096, hotMs: HOT_MS }, async (lease) => {
    await using sleepers = await openSleepers();
    const lines = [["", "rfaas p50 us", "bare p50 us", "ratio"]];
    const cases = casesOf(lease, sleepers);
    for (const each of cases) {
      bench.progress(`warm, ${each.path}: until it is compiled`);
      for (let i = 0; i < COMPILING_ROUNDS; i++) await each.atOnce();
    }
    for (const each of cases) {
      const rfaas = new Times();
      const best = new Times();
      for (let i = -5; i < calls; i++) { // some warm up
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
    bench.tell(`warm\n${alignColumns(lines, [0])}`);
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
      atOnce() {
        call.invokeSync(BYTES);
        sleepers.spinning();
      },
    },
    {
      path: "worker asleep, client awaits",
      workMs: 0,
      call: () => call.invoke(BYTES),
      best: () => sleepers.sleeping(0),
      async atOnce() {
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
      async atOnce() {
        long.input[0] = 0;
        await long.invoke(1);
        await sleepers.sleeping(0);
      },
    },
  ];
}

/** Microseconds of one, all being asleep before. */
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
