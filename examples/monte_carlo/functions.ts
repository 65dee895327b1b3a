/**
 * The function of a worker: simulates prices of a share, and returns what an option on their geometric mean pays.
 *
 * Input: six doubles (spot, strike, years, rate, volatility, paths) and the seed as a seventh. Output: two doubles, the sum
 * of the discounted payments and the sum of their squares.
 *
 * @module
 */
import { randomFrom } from "../shared/random.ts";

/** Prices of a path, at equal distances until the end. */
export const STEPS = 16;

/** Simulates the paths of one input: the exported function of the package. */
export function simulate(input: Uint8Array, output: Uint8Array): number {
  const [spot = 0, strike = 0, years = 0, rate = 0, volatility = 0, paths = 0, seed = 0] =
    new Float64Array(input.buffer, input.byteOffset, 7);
  const random = randomFrom(seed);
  const drift = (rate - volatility * volatility / 2) * years / STEPS;
  const spread = volatility * Math.sqrt(years / STEPS);
  const discount = Math.exp(-rate * years);
  let sum = 0;
  let squares = 0;
  for (let path = 0; path < paths; path++) {
    let log = Math.log(spot);
    let logs = 0;
    for (let step = 0; step < STEPS; step += 2) {
      // Box and Muller: two normal numbers from two uniform ones.
      const radius = Math.sqrt(-2 * Math.log(1 - random()));
      const angle = 2 * Math.PI * random();
      log += drift + spread * radius * Math.cos(angle);
      logs += log;
      log += drift + spread * radius * Math.sin(angle);
      logs += log;
    }
    const paid = discount * Math.max(0, Math.exp(logs / STEPS) - strike);
    sum += paid;
    squares += paid * paid;
  }
  new Float64Array(output.buffer, output.byteOffset, 2).set([sum, squares]);
  return 16;
}
