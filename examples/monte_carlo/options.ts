/** The command line of the example. */

import { type ExampleOptions, readExampleOptions } from "../shared/example_options.ts";

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readOptions(args: readonly string[]): ExampleOptions {
  return readExampleOptions({
    name: "monte_carlo",
    workers: "Threads beside this one; a lease and HTTP have one worker more, as it waits for them",
    summary: "Price options by simulation: a map over 128 inputs, on leased workers.",
    size: "Largest number of paths of an input",
    defaultSize: 3000,
    sizeRange: [1, 1_000_000],
  }, args);
}

/** The numbers of paths of the measurement, each ten times the one before. */
export function pathsUpTo(size: number): number[] {
  const paths = [size];
  while (paths[0]! >= 10 && paths.length < 4) paths.unshift(Math.round(paths[0]! / 10));
  return paths;
}
