/** The options to price, the same in each run. */

import { randomFrom } from "../shared/random.ts";

/** Doubles that describe an option. */
export const PARAMETERS = 5;
/** Doubles in the price of an option: call and put. */
export const PRICES = 2;
/** Options in one call: an argument of 640 KiB and a result of 256 KiB. */
export const CHUNK = 16_384;

/** Returns the parameters of `count` options. */
export function portfolio(count: number): Float64Array<ArrayBuffer> {
  const random = randomFrom(20_261_124);
  const between = (min: number, max: number) => min + (max - min) * random();
  const options = new Float64Array(PARAMETERS * count);
  for (let i = 0; i < options.length; i += PARAMETERS) {
    options[i] = between(50, 150); // spot
    options[i + 1] = between(50, 150); // strike
    options[i + 2] = between(0.1, 2); // years
    options[i + 3] = between(0, 0.08); // rate per year
    options[i + 4] = between(0.05, 0.6); // volatility
  }
  return options;
}
