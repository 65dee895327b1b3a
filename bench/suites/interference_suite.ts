/**
 * What a batch job loses to leases on the same host: a job that computes all the time on its own core, alone and beside
 * a leased worker that computes all the time on another one. All processes of rfaas are on the other cores.
 */

import { Child } from "../child.ts";
import { medianOf } from "../median.ts";
import { toRow } from "../rows.ts";
import { Times } from "../times.ts";
import { UnavailableError } from "../unavailable.ts";
import { roundsPerUs, workArgument } from "../work_rounds.ts";
import { work } from "../functions.ts";
import { OwnCore } from "./own_core.ts";
import type { Bench } from "./suite.ts";

const TURNS = 30;
const QUICK_TURNS = 3;
/** The time of a turn, alone and beside calls. */
const TURN_MS = 500;
const QUICK_TURN_MS = 50;
/** A piece of the job: long enough that the reading of the clock counts for nothing. */
const PIECE_US = 2000;
/** More than the caches hold. */
const WALK_BYTES = 64 * 2 ** 20;
/** Pieces of the walk: each about as long as one of computation. */
const WALK_STEPS = 64;

/** A job, as a function that does one piece of it. */
interface Job {
  readonly name: string;
  readonly piece: () => void;
}

export async function interferenceSuite(bench: Bench): Promise<void> {
  using core = new OwnCore();
  if (core.cores.length < 2) throw new UnavailableError("it needs two cores");
  await using calls = await Child.deno(new URL("./interference_calls.ts", import.meta.url));
  core.take();
  const argument = workArgument(4, roundsPerUs(bench.cycles, bench.perUs) * PIECE_US);
  const walked = new Float64Array(WALK_BYTES / 8).fill(1);
  let [at, total] = [0, 0];
  const jobs: Job[] = [
    { name: "computation", piece: () => void work(argument) },
    {
      name: "memory",
      piece: () => {
        const length = walked.length / WALK_STEPS;
        total += sum(walked, at * length, length);
        at = (at + 1) % WALK_STEPS;
      },
    },
  ];
  for (const job of jobs) await measure(bench, job, calls);
  if (total === 0) throw new Error("the memory was not read"); // never, but the compiler cannot leave it out
}

async function measure(bench: Bench, { name, piece }: Job, calls: Child): Promise<void> {
  const [alone, beside] = [new Times(), new Times()];
  const losses: number[] = [];
  const turns = bench.quick ? QUICK_TURNS : TURNS;
  for (let turn = 0; turn <= turns; turn++) {
    bench.progress(`interference, ${name}, turn ${turn} of ${turns}`);
    const before = turn === 0 ? new Times() : alone; // the first turn is a warm-up
    const freeUs = run(bench, piece, before);
    await calls.request("begin");
    await bench.pause(20); // the worker computes by then
    const busyUs = run(bench, piece, turn === 0 ? new Times() : beside);
    await calls.request("end");
    if (turn > 0) losses.push(100 * (1 - freeUs / busyUs));
  }
  bench.add(
    toRow("interference", `${name}, alone`, 0, alone),
    toRow("interference", `${name}, beside calls`, 0, beside),
  );
  const [low, high] = [0.1, 0.9].map((part) => losses.toSorted((a, b) => a - b).at(part * turns));
  bench.addText(
    `interference: beside calls the job of ${name} loses ${medianOf(losses).toFixed(2)} % ` +
      `(median of ${turns} turns, 80 % of them ${low!.toFixed(2)} to ${high!.toFixed(2)})`,
  );
}

/** Does pieces for a turn. @returns The mean time of one. */
function run({ cycles, perUs, quick }: Bench, piece: () => void, times: Times): number {
  const turnUs = 1000 * (quick ? QUICK_TURN_MS : TURN_MS);
  let [totalUs, count] = [0, 0];
  for (; totalUs < turnUs; count++) {
    const before = cycles();
    piece();
    const us = (cycles() - before) / perUs;
    times.add(us);
    totalUs += us;
  }
  return totalUs / count;
}

function sum(values: Float64Array, from: number, count: number): number {
  let total = 0;
  for (let at = from; at < from + count; at++) total += values[at]!;
  return total;
}
