/** The command line of the example. */

import { type ExampleOptions, readExampleOptions } from "../shared/example_options.ts";

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readOptions(args: readonly string[]): ExampleOptions {
  return readExampleOptions({
    name: "black_scholes",
    summary: "Price options in TypeScript, WebAssembly and C, with leased workers.",
    size: "Largest number of options to price",
    defaultSize: 1_000_000,
    sizeRange: [1, 10_000_000],
  }, args);
}

/** The numbers of options of the measurement, each ten times the one before. */
export function countsUpTo(size: number): number[] {
  const counts = [size];
  while (counts[0]! >= 1000 && counts.length < 4) counts.unshift(Math.round(counts[0]! / 10));
  return counts;
}
