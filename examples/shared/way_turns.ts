/** Measures ways in turns: the speed of a host varies over time, and turns share this variation fairly. */

import { delay } from "@std/async";
import { medianOf } from "../../bench/median.ts";
import { HOT_MS } from "./way.ts";

/** After a turn, workers spin for {@linkcode HOT_MS}, which would use a core of the next way. */
const PAUSE_MS = 3 * HOT_MS;

export interface TurnOptions {
  readonly turns: number;
  /** The least time of a turn. */
  readonly turnMs: number;
  /** No further turn begins after so long, apart from the first three. */
  readonly budgetMs: number;
  /** Only the first turn begins later, by `performance.now()`. */
  readonly untilMs: number;
  readonly signal: AbortSignal;
}

/** Examples end within a minute after the start of their program. */
const UNTIL_MS = 45_000;

/** A short run for tests, and one whose figures mean something. */
export function turnOptions(quick: boolean, signal: AbortSignal): TurnOptions {
  return quick
    ? { turns: 1, turnMs: 1, budgetMs: 0, untilMs: UNTIL_MS, signal }
    : { turns: 7, turnMs: 60, budgetMs: 3500, untilMs: UNTIL_MS, signal };
}

/** Work of one way, which is repeated. */
export interface WayWork {
  run(): void | Promise<void>;
}

/** Fewer have no median. A host that is too slow for a minute has fewer. */
export const LEAST_TURNS = 3;
/** Workers that spin for {@linkcode HOT_MS} after a run have fallen asleep before the next turn. */
const WAKING_MATTERS_MS = 20;

/** @returns the time of one run in milliseconds, for each work: the median of its turns. */
export async function measureInTurns(
  works: readonly WayWork[],
  { turns, turnMs, budgetMs, untilMs, signal }: TurnOptions,
): Promise<number[]> {
  const times = works.map(() => [] as number[]);
  const startMs = performance.now();
  for (let turn = 0; turn < turns; turn++) {
    const nowMs = performance.now();
    if (turn >= LEAST_TURNS && nowMs - startMs > budgetMs) break;
    if (turn > 0 && nowMs > untilMs) break;
    for (const [i, work] of works.entries()) {
      signal.throwIfAborted();
      if ((times[i]![0] ?? 0) < WAKING_MATTERS_MS) await work.run(); // wakes the workers
      times[i]!.push(await timeRuns(work, turnMs));
      await delay(PAUSE_MS);
    }
  }
  return times.map(medianOf);
}

async function timeRuns(work: WayWork, turnMs: number): Promise<number> {
  const startMs = performance.now();
  let runs = 0;
  let nowMs = startMs;
  do {
    const pending = work.run();
    if (pending) await pending;
    runs++;
    nowMs = performance.now();
  } while (nowMs - startMs < turnMs);
  return (nowMs - startMs) / runs;
}
