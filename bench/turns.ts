/** Turns of contenders: the speed of a host varies over time, and turns share this variation fairly. */

import type { Contender } from "./contender.ts";
import { type Row, toRow } from "./rows.ts";
import type { Bench } from "./suites/suite.ts";
import { Times } from "./times.ts";

/** Maximum round trips of a turn: fast contenders would make millions. */
const MAX_ROUNDS = 20_000;
/** Round trips of the first measurement. The number doubles while a measurement takes less than a fraction of a turn. */
const FIRST_ROUNDS = 5;
const DOUBLING_FRACTION = 1 / 8;

export interface TurnsOptions {
  readonly suite: string;
  readonly bytes: number;
  readonly contenders: readonly Contender[];
  /** Turns of each contender, after one warm-up turn. @default {5, quick 1} */
  readonly turns?: number;
  /** Approximate duration of a turn. @default {150, quick 30} */
  readonly turnMs?: number;
}

/** The state of a contender. */
interface Standing {
  readonly contender: Contender;
  readonly times: Times;
  /** Round trips per measurement. */
  rounds: number;
}

/** Measures all contenders and adds their rows. One that fails has a row only if it had a turn before. */
export async function takeTurns(bench: Bench, options: TurnsOptions): Promise<Row[]> {
  const { suite, bytes } = options;
  const turns = options.turns ?? (bench.quick ? 1 : 5);
  const turnMs = options.turnMs ?? (bench.quick ? 30 : 150);
  const payload = new Uint8Array(bytes).fill(7);
  let standings = options.contenders
    .filter(({ maxBytes = Infinity }) => bytes <= maxBytes)
    .map((contender): Standing => ({ contender, times: new Times(), rounds: FIRST_ROUNDS }));
  const all = standings;
  for (let turn = 0; turn <= turns; turn++) {
    const next: Standing[] = [];
    for (const standing of standings) {
      const { contender, times } = standing;
      bench.progress(`${suite}, ${bytes} bytes, turn ${turn} of ${turns}: ${contender.path}`);
      const done = await bench.attempt(`${suite}, ${bytes} bytes: ${contender.path}`, async () => {
        const measured = await takeTurn(standing, payload, turnMs);
        if (turn > 0) { for (const cycles of measured) times.add(cycles / bench.perUs); }
        if (contender.restMs) await bench.pause(contender.restMs);
        return true;
      });
      if (done) next.push(standing);
    }
    standings = next;
  }
  const rows = all.filter(({ times }) => times.count > 0)
    .map(({ contender, times }) => toRow(suite, contender.path, bytes, times));
  bench.add(...rows);
  return rows;
}

/**
 * Measures for the duration of a turn, in several measurements: their duration cannot be predicted, and a stall on a busy
 * host must not make all later turns short.
 *
 * @returns The cycles of all round trips.
 */
async function takeTurn(
  standing: Standing,
  payload: Uint8Array<ArrayBuffer>,
  turnMs: number,
): Promise<number[]> {
  const all: number[] = [];
  const startMs = performance.now();
  for (let nowMs = startMs; nowMs - startMs < turnMs && all.length < MAX_ROUNDS;) {
    const measured = new Float64Array(Math.min(standing.rounds, MAX_ROUNDS - all.length));
    await standing.contender.measure(payload, measured);
    for (const cycles of measured) all.push(cycles);
    const tookMs = performance.now() - nowMs;
    nowMs += tookMs;
    if (tookMs < DOUBLING_FRACTION * turnMs) {
      standing.rounds = Math.min(MAX_ROUNDS, 2 * standing.rounds);
    }
  }
  return all;
}
