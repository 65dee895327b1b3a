/**
 * A parallel program whose ranks hand a share of each iteration to leased workers. The share follows from measured times,
 * and in the middle of the run the node with the workers drains.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/offload/offload.ts
 * ```
 *
 * @module
 */
import { LocalManagers } from "../../cli/children/local_managers.ts";
import { medianOf } from "../../bench/median.ts";
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import { furnace, type FurnaceSystem } from "../jacobi/furnace.ts";
import { hasConverged, largest, solveDirectly, TOLERANCE } from "../jacobi/solve.ts";
import { sweep } from "../jacobi/sweep.ts";
import { largestDifference } from "../shared/differences.ts";
import { heading, note, seen } from "../shared/report.ts";
import { iterationsChart } from "./iterations_chart.ts";
import { type OffloadOptions, readOptions } from "./options.ts";
import type { RankTask } from "./rank_messages.ts";
import { type Iteration, Ranks } from "./ranks.ts";
import { startSecondNode } from "./second_node.ts";

/** The iteration in which the node begins to drain. */
const DRAIN_AT = 60;
/** Iterations after the lease has moved, for a median. */
const AFTER_MOVE = 40;
/** The run fails if the lease has not moved by then. */
const MOVE_TIMEOUT_MS = 120_000;

interface Run {
  /** Each x until it has converged. */
  readonly iterates: readonly Float64Array[];
  readonly iterations: readonly Iteration[];
  /** Iterations with a lost share whose result was another than that of this process. */
  readonly wrong: number;
}

/** Iterates until x has converged and `isDone`. @param onDrain requests the drain. */
async function iterate(
  { n, rows }: FurnaceSystem,
  ranks: Ranks,
  signal: AbortSignal,
  onDrain?: () => void,
): Promise<Run> {
  let x = new Float64Array(n);
  let next = new Float64Array(n);
  const iterations: Iteration[] = [];
  const iterates: Float64Array[] = [];
  const expected = new Float64Array(n);
  let wrong = 0;
  const untilMs = performance.now() + MOVE_TIMEOUT_MS;
  for (let converged = false; !converged || (onDrain && !hasMoved(iterations));) {
    signal.throwIfAborted();
    if (performance.now() > untilMs) {
      throw new Error(
        `Cannot finish: ${iterations.length} iterations within ${MOVE_TIMEOUT_MS} ms`,
      );
    }
    const drain = iterations.length === DRAIN_AT ? onDrain : undefined;
    const iteration = await ranks.step(x, next, drain);
    iterations.push(iteration);
    if (iteration.lost.length > 0) {
      sweep(rows, x, expected);
      if (largestDifference(next, expected) !== 0) wrong++;
    }
    [x, next] = [next, x];
    if (!converged) iterates.push(x.slice());
    converged ||= hasConverged(x, next);
  }
  return { iterates, iterations, wrong };
}

/** Whether a share was lost, and the last iterations were offloaded again without a loss. */
function hasMoved(iterations: readonly Iteration[]): boolean {
  const lost = iterations.findLastIndex((iteration) => iteration.lost.length > 0);
  return lost >= DRAIN_AT && iterations.length > lost + AFTER_MOVE;
}

/** Runs the program without and with offloading. Returns whether both results are right. */
async function runOffload(options: OffloadOptions, signal: AbortSignal): Promise<boolean> {
  const { size, ranks: count, workers, fabric } = options;
  const system = furnace(size);
  const direct = solveDirectly(system);
  const scale = largest(direct);
  const cores = count * workers;
  heading(`${system.n} unknowns on ${count} ranks with ${workers} leased workers each, ${fabric}`);
  await using managers = await LocalManagers.start({ cores, fabric, poolMax: 0, signal });
  const { manager, token } = managers;
  const task = (offload: boolean): Omit<RankTask, "first" | "end"> => ({
    connect: { manager, token, fabric },
    side: size,
    workers,
    offload,
  });
  const alone = await (async () => {
    await using ranks = await Ranks.start(system.n, count, task(false));
    return await iterate(system, ranks, signal);
  })();
  const offloaded = await (async () => {
    await using ranks = await Ranks.start(system.n, count, task(true));
    await using _second = await startSecondNode(managers, cores, fabric);
    const drain = () => Deno.kill(managers.executorManager.pid, "SIGTERM");
    return await iterate(system, ranks, signal, drain);
  })();

  const figures = figuresOf(alone, offloaded);
  const difference = largestDifference(offloaded.iterates.at(-1)!, direct) / scale;
  // The rows of an iteration do not depend on each other, so each x must have the same bits.
  const same = alone.iterates.length === offloaded.iterates.length &&
    alone.iterates.every((x, i) => largestDifference(x, offloaded.iterates[i]!) === 0);
  const right = same && offloaded.wrong === 0 && difference <= TOLERANCE;
  seen(
    right,
    `each of ${alone.iterates.length} iterations gives the same bits with and without offloading, ` +
      `and the last one is within ${difference.toExponential(1)} of the direct solution`,
  );
  note(`an iteration: ${figures.aloneMs.toFixed(2)} ms by the ranks alone`);
  const { offloadedMs, share } = figures;
  const times = (figures.aloneMs / offloadedMs).toFixed(2);
  note(
    share === 0
      ? "nothing is offloaded: a call takes longer than all rows of a rank"
      : `${offloadedMs.toFixed(2)} ms with ${
        (100 * share).toFixed(0)
      } % offloaded: ${times} times as fast`,
  );
  note(`offloading pays from ${figures.breakEvenRows ?? "?"} rows of a rank`);
  note(
    `drained in iteration ${DRAIN_AT}: ${figures.lostIterations} iterations without help, ` +
      `${figures.lostMs.toFixed(0)} ms lost`,
  );
  for (const text of figures.reasons) note(`  ${text}`);
  await Deno.mkdir(options.out, { recursive: true });
  const chart = iterationsChart(offloaded.iterations, DRAIN_AT);
  await Deno.writeTextFile(`${options.out}/iterations.svg`, chart);
  note(`picture: ${options.out}/iterations.svg`);
  if (options.json) console.log(JSON.stringify({ ...options, right, difference, ...figures }));
  return right;
}

function figuresOf(alone: Run, { iterations }: Run) {
  const before = iterations.slice(DRAIN_AT >> 1, DRAIN_AT); // the share has settled
  const lastLost = iterations.findLastIndex(({ lost }) => lost.length > 0);
  const disturbed = iterations.slice(DRAIN_AT, lastLost + 2); // the rows are sent again after the last loss
  const offloadedMs = medianOf(before.map(({ ms }) => ms));
  return {
    aloneMs: medianOf(alone.iterations.map(({ ms }) => ms)),
    offloadedMs,
    share: medianOf(before.map(({ share }) => share)),
    breakEvenRows: before.at(-1)!.breakEvenRows,
    lostIterations: disturbed.filter(({ lost, share }) => lost.length > 0 || share === 0).length,
    lostMs: disturbed.reduce((sum, { ms }) => sum + Math.max(0, ms - offloadedMs), 0),
    reasons: [...new Set(iterations.flatMap(({ lost }) => lost))],
    shareAfter: medianOf(iterations.slice(-AFTER_MOVE).map(({ share }) => share)),
  };
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  if (!await runOffload(options, shutdown.signal)) Deno.exitCode = 1;
}
