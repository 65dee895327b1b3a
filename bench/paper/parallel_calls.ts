/** A call on each of 1 to 8 workers at a time: how long until all have replied. */

import type { Lease, PreparedCall } from "../../mod.ts";
import { toRow } from "../rows.ts";
import type { Bench } from "../suites/suite.ts";
import { withLease } from "../suites/with_lease.ts";
import { Times } from "../times.ts";
import { roundsPerUs, workArgument } from "../work_rounds.ts";
import { parallelPath } from "./row_paths.ts";

export const PARALLEL_CALLS = "paper parallel calls";
const MAX_WORKERS = 8;
const MIB = 2 ** 20;
/** Computing time of a call that computes, in microseconds. */
const WORK_US = 1000;
/** How long a worker polls after its last call. Workers that a measurement does not use have fallen asleep. */
const HOT_MS = 5;
const REST_MS = 15;
/** Rounds that are not counted. */
const WARM_UP_ROUNDS = 20;

/** A call that is made on all workers. */
interface Case {
  readonly name: string;
  readonly called: string;
  readonly argument: Uint8Array;
}

export async function measureParallelCalls(bench: Bench): Promise<void> {
  const rounds = WORK_US * roundsPerUs(bench.cycles, bench.perUs);
  const cases: Case[] = [
    { name: "echo of 1 KiB", called: "echo", argument: new Uint8Array(1024).fill(7) },
    { name: "echo of 1 MiB", called: "echo", argument: new Uint8Array(MIB).fill(7) },
    { name: "1 ms of computing", called: "work", argument: workArgument(64, rounds) },
  ];
  const options = { workers: MAX_WORKERS, depth: 4, maxBytes: MIB, hotMs: HOT_MS };
  await withLease(options, async (lease) => {
    for (const each of cases) {
      for (let workers = 1; workers <= MAX_WORKERS; workers++) {
        await bench.attempt(
          `${PARALLEL_CALLS}: ${each.name} on ${workers}`,
          () => measureCase(bench, lease, each, workers),
        );
      }
    }
  }, { cores: MAX_WORKERS, memoryBytes: 2 ** 31 });
}

async function measureCase(
  bench: Bench,
  lease: Lease,
  { name, called, argument }: Case,
  workers: number,
): Promise<void> {
  const path = parallelPath({ name, workers });
  bench.progress(`${PARALLEL_CALLS}: ${path}`);
  const { length } = argument;
  const times = new Times();
  const calls: PreparedCall[] = [];
  try {
    for (let worker = 0; worker < workers; worker++) {
      calls.push(lease.prepare(called, { bytes: length, resultBytes: length, worker }));
      calls[worker]!.input.set(argument);
    }
    const untilMs = performance.now() + (bench.quick ? 60 : 600);
    for (let round = -WARM_UP_ROUNDS; round <= 0 || performance.now() < untilMs; round++) {
      const before = bench.cycles();
      for (const call of calls) call.start();
      for (const call of calls) call.finish();
      if (round >= 0) times.add((bench.cycles() - before) / bench.perUs);
    }
  } finally {
    for (const call of calls) call.close();
  }
  bench.add(toRow(PARALLEL_CALLS, path, length, times));
  await bench.pause(REST_MS);
}
