/** Contenders in turn, again and again: the machine's mood changes, and is shared fairly this way. */

import type { Contender } from "./contender.ts";
import { type Row, toRow } from "./rows.ts";
import type { Bench } from "./suite.ts";
import { Times } from "./times.ts";

/** Round trips of a turn at most, and at least. */
const MAX_ROUNDS = 20_000;
const MIN_ROUNDS = 5;
/** Round trips that a warm-up begins with; it doubles them until a turn's time has passed. */
const FIRST_ROUNDS = 4;

export interface TurnsOptions {
  readonly suite: string;
  readonly bytes: number;
  readonly contenders: readonly Contender[];
  /** Turns that count, of each contender; one more warms up. @default 5, quick 1 */
  readonly turns?: number;
  /** How long a turn takes, about. @default 200, quick 30 */
  readonly turnMs?: number;
}

/** What is known of a contender. */
interface Standing {
  readonly contender: Contender;
  readonly times: Times;
  rounds: number;
}

/** Measures and adds a row for each; one that fails has a row only if it had a turn before. */
export async function takeTurns(bench: Bench, options: TurnsOptions): Promise<Row[]> {
  const { suite, bytes } = options;
  const turns = options.turns ?? (bench.quick ? 1 : 5);
  const turnMs = options.turnMs ?? (bench.quick ? 30 : 200);
  const payload = new Uint8Array(bytes).fill(7);
  let standings = options.contenders
    .filter(({ maxBytes = Infinity }) => bytes <= maxBytes)
    .map((contender): Standing => ({ contender, times: new Times(), rounds: 0 }));
  const all = standings;
  for (let turn = 0; turn <= turns; turn++) {
    const going: Standing[] = [];
    for (const standing of standings) {
      const { contender, times } = standing;
      bench.progress(`${suite}, ${bytes} bytes, turn ${turn} of ${turns}: ${contender.path}`);
      const done = await bench.attempt(`${suite}, ${bytes} bytes: ${contender.path}`, async () => {
        if (turn === 0) standing.rounds = await warmUp(contender, payload, turnMs);
        else {
          const measured = new Float64Array(standing.rounds);
          await contender.measure(payload, measured);
          for (const cycles of measured) times.add(cycles / bench.perUs);
        }
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

/** Measures without counting until code is compiled and caches are filled; gives the round trips of a turn. */
async function warmUp(
  contender: Contender,
  payload: Uint8Array<ArrayBuffer>,
  turnMs: number,
): Promise<number> {
  let quickestMs = Infinity; // a round, as fast as it has been seen: a stall must not make the turns short
  for (let rounds = FIRST_ROUNDS;; rounds *= 2) {
    const beforeMs = performance.now();
    await contender.measure(payload, new Float64Array(rounds));
    const tookMs = performance.now() - beforeMs;
    quickestMs = Math.min(quickestMs, tookMs / rounds);
    if (tookMs < turnMs && rounds < MAX_ROUNDS) continue;
    return Math.max(MIN_ROUNDS, Math.min(MAX_ROUNDS, Math.round(turnMs / quickestMs)));
  }
}
