/** Measures the kernels of an example in all ways and sizes, checks their results, and draws the speed-ups. */

import { NATIVE_NODE } from "./compile_library.ts";
import type { ExampleOptions } from "../example_options.ts";
import { findKernels, type KernelChoice, type KernelForms, type OpenKernel } from "./kernels.ts";
import { LeaseHost } from "../lease_host.ts";
import { heading, note, seen } from "../report.ts";
import { speedupReport } from "../speedup_report.ts";
import type { Contestant, SizeRow } from "../speedups.ts";
import type { PlainFunction } from "../thread_words.ts";
import type { Way } from "../way.ts";
import {
  LEAST_TURNS,
  measureInTurns,
  type TurnOptions,
  turnOptions,
  type WayWork,
} from "../way_turns.ts";

/** What one way runs for one size. */
export interface Entry extends WayWork {
  /** What follows the name of the way. */
  readonly suffix: string;
  /** The largest difference of the last result from the right one. */
  difference(): number;
}

/** A problem of an example. */
export interface Problem {
  /** For people: `matrix products`. */
  readonly title: string;
  /** What is counted, such as `rows`. */
  readonly unit: string;
  readonly forms: KernelForms;
  /** In ascending order. */
  readonly sizes: readonly number[];
  /** How many times as long the work takes if the size doubles. */
  readonly growth: number;
  /** The largest accepted difference of a result. */
  readonly tolerance: number;
  /** Shares the work of a size; what it opens, it adds to `opening`. */
  share(
    size: number,
    way: Way,
    own: ReadonlyMap<string, PlainFunction> | undefined,
    opening: DisposableStack,
  ): Promise<Entry[]>;
}

/** What was found of a kernel. */
export interface KernelFigures {
  readonly kernel: string;
  readonly contestants: readonly Contestant[];
  readonly rows: readonly SizeRow[];
  /** The largest difference of any result from the right one. */
  readonly difference: number;
}

/** A size is left out for a kernel if one run in the first way is expected to take longer. */
const MAX_RUN_MS = 700;
/** All kernels share a minute: a size is left out if its runs are expected to end later after the start of the program. */
const MAX_PROGRAM_MS = 50_000;
/** The least runs of a way for a size: the one that is checked, one before the turns, and the turns. */
const LEAST_RUNS = LEAST_TURNS + 2;

/** Compares all kernels, and prints and draws what it finds. Returns whether all results are right. */
export async function compareKernels(
  problem: Problem,
  options: ExampleOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { kernels, skipped } = await findKernels(problem.forms, options);
  await using host = new LeaseHost({
    cores: options.workers + 2, // in C, leases of one and of several workers are open at a time
    fabric: options.fabric,
    config: skipped.length === 0 ? NATIVE_NODE : undefined,
    signal,
  });
  await Deno.mkdir(options.out, { recursive: true });
  const found: KernelFigures[] = [];
  for (const kernel of kernels) {
    heading(`${kernel.name}: ${problem.title} over ${options.fabric}`);
    const figures = await measureKernel(kernel, problem, { options, host, signal });
    found.push(figures);
    const chart = report(problem, figures);
    await Deno.writeTextFile(`${options.out}/${kernel.name.toLowerCase()}.svg`, chart);
  }
  for (const reason of skipped) note(`skipped: ${reason}`);
  note(`pictures: ${options.out}`);
  if (options.json) console.log(JSON.stringify({ ...options, kernels: found, skipped }));
  return found.every(({ difference }) => difference <= problem.tolerance);
}

/** Prints the figures of a kernel, and returns its chart. */
function report(
  problem: Problem,
  { kernel, contestants, rows, difference }: KernelFigures,
): string {
  const { title, unit, tolerance } = problem;
  const check = () => {
    const differenceText = `largest difference of a result: ${difference.toExponential(1)}`;
    seen(difference <= tolerance, `${differenceText}, at most ${tolerance} is accepted`);
  };
  return speedupReport({ title: `${kernel}: ${title}`, unit, contestants, rows }, check);
}

async function measureKernel(
  kernel: KernelChoice,
  problem: Problem,
  { options, host, signal }: { options: ExampleOptions; host: LeaseHost; signal: AbortSignal },
): Promise<KernelFigures> {
  await using open = await kernel.open(options, host, signal);
  const turns = turnOptions(options.quick, signal);
  const rows: SizeRow[] = [];
  let difference = 0;
  let contestants: readonly Contestant[] = [];
  for (const size of problem.sizes) {
    const reason = options.quick ? undefined : tooLong(size, rows.at(-1), problem);
    if (reason !== undefined) {
      note(`${size} ${problem.unit} and more are left out: ${reason}`);
      break;
    }
    const measured = await measureSize(size, problem, open, turns);
    difference = Math.max(difference, measured.difference);
    contestants = measured.contestants;
    rows.push({ size, ms: measured.ms });
  }
  return { kernel: kernel.name, contestants, rows, difference };
}

/** Why a size would take too long, by the times of the last one. */
function tooLong(
  size: number,
  last: SizeRow | undefined,
  { growth }: Problem,
): string | undefined {
  if (!last) return undefined;
  const times = growth ** Math.log2(size / last.size);
  const runMs = times * last.ms[0]!;
  if (runMs > MAX_RUN_MS) return `a run would take ${runMs.toFixed(0)} ms`;
  const allMs = LEAST_RUNS * times * last.ms.reduce((sum, ms) => sum + ms, 0);
  if (performance.now() + allMs <= MAX_PROGRAM_MS) return undefined;
  return `the runs of all ways would take ${(allMs / 1000).toFixed(0)} s`;
}

async function measureSize(
  size: number,
  problem: Problem,
  { ways, own }: OpenKernel,
  turns: TurnOptions,
) {
  using opening = new DisposableStack();
  const entries: Entry[] = [];
  const contestants: Contestant[] = [];
  let difference = 0;
  for (const way of ways) {
    for (const entry of await problem.share(size, way, own, opening)) {
      entries.push(entry);
      contestants.push({ name: way.name + entry.suffix, kind: way.kind });
      await entry.run();
      difference = Math.max(difference, entry.difference());
    }
  }
  const ms = await measureInTurns(entries, turns);
  for (const entry of entries) difference = Math.max(difference, entry.difference());
  return { contestants, difference, ms };
}
