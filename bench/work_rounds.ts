/** How much the function `work` is to compute. */

import { work } from "./functions.ts";

const ROUNDS = 20_000;
/** Calls before those that count, since the function must have been compiled; and those that count. */
const WAKING = 1000;
const TRIES = 300;

/** Rounds of `work` in a microsecond of this processor: its best, so that others who use the core do not count. */
export function roundsPerUs(cycles: () => number, perUs: number): number {
  const argument = workArgument(64, ROUNDS);
  for (let i = 0; i < WAKING; i++) work(argument);
  let least = Infinity;
  for (let i = 0; i < TRIES; i++) {
    const before = cycles();
    work(argument);
    least = Math.min(least, cycles() - before);
  }
  return ROUNDS * perUs / least;
}

/** The argument of `work`: `bytes` long, with the rounds in front. */
export function workArgument(bytes: number, rounds: number): Uint8Array<ArrayBuffer> {
  const argument = new Uint8Array(bytes);
  new DataView(argument.buffer).setUint32(0, Math.round(rounds), true);
  return argument;
}
