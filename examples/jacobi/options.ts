/** The command line of the example. */

import { type ExampleOptions, readExampleOptions } from "../shared/example_options.ts";

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readOptions(args: readonly string[]): ExampleOptions {
  return readExampleOptions({
    name: "jacobi",
    summary: "Find the temperatures in a furnace by Jacobi iterations, with leased workers.",
    size: "Patches along an edge of the furnace: 6 x size x size unknowns",
    defaultSize: 18,
    sizeRange: [2, 40],
  }, args);
}
