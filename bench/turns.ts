/** Contenders in turn, again and again: the machine's mood changes, and is shared fairly this way. */

import type { Contender } from "./contender.ts";
import { type Row, toRow } from "./rows.ts";
import type { Bench } from "./suite.ts";
import { Times } from "./times.ts";

/** Round trips of a turn at most: of fast ones there would be millions. */
const MAX_ROUNDS = 20_000;
/** Round trips that a contender is asked for at first. It is asked for twice as many while that takes little of a turn. */
const FIRST_ROUNDS = 5;
const LITTLE = 1 / 8;

export interface TurnsOptions {
  readonly suite: string;
  readonly bytes: number;
  readonly contenders: readonly Contender[];
  /** Turns that count, of each contender; one more warms up. @default 5, quick 1 */
  readonly turns?: number;
  /** How long a turn takes, about. @default 150, quick 30 */
  readonly turnMs?: number;
}

/** What is known of a contender. */
interface Standing {
  readonly contender: Contender;
  readonly times: Times;
  /** Round trips that it is asked for at a time. */
  rounds: number;
}

/** Measures and adds a row for each; one that fails has a row only if it had a turn before. */
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
    const going: Standing[] = [];
    for (const standing of standings) {
      const { contender, times } = standing;
      bench.progress(`${suite}, ${bytes} bytes, turn ${turn} of ${turns}: ${contender.path}`);
      const done = await bench.attempt(`${suite}, ${bytes} bytes: ${contender.path}`, async () => {
        const measured = await takeTurn(standing, payload, turnMs);
        if (turn > 0) { for (const cycles of measured) times.add(cycles / bench.perUs); }
        if (contender.restMs) await bench.pause(contender.restMs);
        return true;
      });
      if (done) going.push(standing);
    }
    standings = going;
  }
  const rows = all.filter(({ times }) => times.count > 0)
    .map(({ contender, times }) => toRow(suite, contender.path, bytes, times));
  bench.add(...rows);
  return rows;
}

/**
 * Measures for a turn's time, some at a time: how long they take can't be told before, and a stall on a busy machine must
 * not make all later turns short.
 *
 * @returns the cycles of all.
 */
async function takeTurn(
  standing: Standing,
  payload: Uint8Array<ArrayBuffer>,
  turnMs: number,
): Promise<number[]> {
  const all: number[] = [];
  const beganMs = performance.now();
  for (let nowMs = beganMs; nowMs - beganMs < turnMs && all.length < MAX_ROUNDS;) {
    const measured = new Float64Array(Math.min(standing.rounds, MAX_ROUNDS - all.length));
    await standing.contender.measure(payload, measured);
    for (const cycles of measured) all.push(cycles);
    const tookMs = performance.now() - nowMs;
    nowMs += tookMs;
    if (tookMs < LITTLE * turnMs) standing.rounds = Math.min(MAX_ROUNDS, 2 * standing.rounds);
  }
  return all;
}
