/** The argument of the function `work`, which sets its computing time. */

import { work } from "./functions.ts";

const ROUNDS = 20_000;
/** Calls before the measured ones, which compile the function. */
const WARM_UP_CALLS = 1000;
/** Measured calls. */
const TRIES = 300;

/** Returns the rounds of `work` in a microsecond, by its best time, which other programs on the core do not slow down. */
export function roundsPerUs(cycles: () => number, perUs: number): number {
  const argument = workArgument(64, ROUNDS);
  for (let i = 0; i < WARM_UP_CALLS; i++) work(argument);
  let best = Infinity;
  for (let i = 0; i < TRIES; i++) {
    const before = cycles();
    work(argument);
    best = Math.min(best, cycles() - before);
  }
  return ROUNDS * perUs / best;
}

/** Returns the argument of `work`: `bytes` long, with the rounds at the beginning. */
export function workArgument(bytes: number, rounds: number): Uint8Array<ArrayBuffer> {
  const argument = new Uint8Array(bytes);
  new DataView(argument.buffer).setUint32(0, Math.round(rounds), true);
  return argument;
}
