/** The options that are priced, their inputs, and their prices by formula. */

import { STEPS } from "./functions.ts";

/** An option on the geometric mean of {@linkcode STEPS} prices of a share. */
export interface Contract {
  readonly spot: number;
  readonly strike: number;
  readonly years: number;
  readonly rate: number;
  readonly volatility: number;
}

/** A price with its standard error. */
export interface Estimate {
  readonly price: number;
  readonly error: number;
}

/** Eight options. */
export const CONTRACTS: readonly Contract[] = [90, 100].flatMap((strike) =>
  [0.5, 2].flatMap((years) =>
    [0.15, 0.4].map((volatility) => ({ spot: 100, strike, years, rate: 0.03, volatility }))
  )
);
/** Inputs of each option, with other seeds. */
export const INPUTS_PER_CONTRACT = 16;

/** Returns the inputs of all options, one after the other. */
export function inputsOf(paths: number): Uint8Array<ArrayBuffer>[] {
  return CONTRACTS.flatMap(({ spot, strike, years, rate, volatility }, i) =>
    Array.from({ length: INPUTS_PER_CONTRACT }, (_, j) => {
      const seed = 1 + i * INPUTS_PER_CONTRACT + j;
      const values = [spot, strike, years, rate, volatility, paths, seed];
      return new Uint8Array(Float64Array.from(values).buffer);
    })
  );
}

/** Adds the results of each option up. */
export function estimatesOf(paths: number, results: readonly Uint8Array[]): Estimate[] {
  return CONTRACTS.map((_, i) => {
    const own = results.slice(i * INPUTS_PER_CONTRACT, (i + 1) * INPUTS_PER_CONTRACT);
    const count = paths * own.length;
    let [sum, squares] = [0, 0];
    for (const result of own) {
      const [partSum = NaN, partSquares = NaN] = new Float64Array(result.slice().buffer);
      sum += partSum;
      squares += partSquares;
    }
    const price = sum / count;
    return { price, error: Math.sqrt((squares / count - price * price) / count) };
  });
}

/**
 * The price by formula: the logarithm of the geometric mean is normal (Kemna and Vorst, 1990, here for discrete prices),
 * and the integral of the payment over it is taken by Simpson's rule.
 */
export function exactPrice({ spot, strike, years, rate, volatility }: Contract): number {
  const mean = Math.log(spot) + (rate - volatility ** 2 / 2) * years * (STEPS + 1) / (2 * STEPS);
  const deviation = volatility *
    Math.sqrt(years * (STEPS + 1) * (2 * STEPS + 1) / (6 * STEPS * STEPS));
  const [end, parts] = [10, 2000];
  const start = Math.max(-end, (Math.log(strike) - mean) / deviation); // nothing is paid below it
  const width = (end - start) / parts;
  let sum = 0;
  for (let i = 0; i <= parts; i++) {
    const z = start + i * width;
    const weight = i === 0 || i === parts ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * (Math.exp(mean + deviation * z) - strike) * Math.exp(-z * z / 2);
  }
  return Math.exp(-rate * years) * sum * width / 3 / Math.sqrt(2 * Math.PI);
}
