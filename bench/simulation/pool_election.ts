/** Managers that lead many pools: how soon the pools of failed managers are led again, and how evenly. */
import { percentile } from "./percentile.ts";

/** The sizes of a run. All times are milliseconds. */
export interface ElectionOptions {
  readonly pools: number;
  readonly managers: number;
  readonly killed: number;
  /** How much longer a candidate waits for each pool that it leads, so that the one with fewest is first. */
  readonly waitPerPoolMs: number;
  readonly runs: number;
  readonly random: () => number;
}

const OBSERVE_EVERY_MS = 25;
const TAKE_OVER_AFTER_MS = 600;
const PULSE_EVERY_MS = 150;
/** The rows of one pool are read one after the other with those of the others that the same manager took. */
const LOAD_MS = 150;

/** A transaction of etcd: 2 ms, and an exponential rest of 3 ms on average. */
function latencyMs(random: () => number): number {
  return 2 - 3 * Math.log(1 - random());
}

/** Kills managers at one moment. @returns columns of the table. */
export function simulateElections(options: ElectionOptions): Record<string, string> {
  const { pools, managers, killed, waitPerPoolMs, runs, random } = options;
  const last: number[] = [];
  const half: number[] = [];
  const most: number[] = [];
  let lost = 0;
  for (let run = 0; run < runs; run++) {
    const left = managers - killed;
    const led = Array.from({ length: left }, () => Math.floor(pools / managers));
    const idleFromMs = led.map(() => 0);
    const phaseMs = led.map(() => random() * OBSERVE_EVERY_MS);
    const free = pools - led.reduce((sum, count) => sum + count, 0);
    /** When each candidate finds each pool silent for long enough. The last pulse was some time before the kill. */
    const tries = Array.from({ length: free }, () => {
      const silentMs = TAKE_OVER_AFTER_MS - random() * PULSE_EVERY_MS;
      return led.map((_, at) => {
        const looks = Math.ceil((silentMs - phaseMs[at]!) / OBSERVE_EVERY_MS);
        return phaseMs[at]! + looks * OBSERVE_EVERY_MS + latencyMs(random);
      });
    });
    const doneMs: number[] = [];
    for (const each of tries.sort((a, b) => Math.min(...a) - Math.min(...b))) {
      const sentMs = each.map((atMs, at) => atMs + led[at]! * waitPerPoolMs);
      const arrivedMs = sentMs.map((atMs) => atMs + latencyMs(random));
      const takenMs = Math.min(...arrivedMs);
      const winner = arrivedMs.indexOf(takenMs);
      // The others have sent theirs before they could observe the new leader.
      lost += sentMs.filter((atMs, at) => at !== winner && atMs < takenMs).length;
      led[winner]!++;
      idleFromMs[winner] = Math.max(idleFromMs[winner]!, takenMs) + LOAD_MS;
      doneMs.push(idleFromMs[winner]!);
    }
    doneMs.sort((a, b) => a - b);
    half.push(doneMs[Math.floor(doneMs.length / 2)]!);
    last.push(doneMs.at(-1)!);
    most.push(Math.max(...led));
  }
  const seconds = (ms: number) => (ms / 1000).toFixed(2);
  return {
    killed: `${killed} of ${managers}`,
    "wait for each pool, ms": `${waitPerPoolMs}`,
    "half led again, s": seconds(percentile(half, 0.5)),
    "all led again, s (p50)": seconds(percentile(last, 0.5)),
    "all led again, s (p99)": seconds(percentile(last, 0.99)),
    "most pools of one": `${percentile(most, 0.99)}`,
    "lost races per pool": (lost / runs / (pools * killed / managers)).toFixed(2),
  };
}
