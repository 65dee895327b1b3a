/** The command line of the example. */

import { type ExampleOptions, readExampleOptions } from "../shared/example_options.ts";

/** The photographs of examples/demo/photos. */
const PHOTOS = 14;

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readOptions(args: readonly string[]): ExampleOptions {
  return readExampleOptions({
    name: "recognition",
    workers: "Threads beside this one; a lease and HTTP have one worker more, as it waits for them",
    summary: "Recognize what photographs show, by a neural network on leased workers.",
    size: "Number of photographs",
    defaultSize: 2,
    sizeRange: [1, PHOTOS],
  }, args);
}
