/** The command line of the example. */

import { type ExampleOptions, readExampleOptions } from "../shared/example_options.ts";
import { PHOTOS } from "./photos.ts";

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readOptions(args: readonly string[]): ExampleOptions {
  return readExampleOptions({
    name: "image_recognition",
    workers: "Threads beside this one; a lease and HTTP have one worker more, as it waits for them",
    summary: "Recognize objects in photographs with a neural network, on leased workers.",
    size: "Number of photographs",
    defaultSize: 4,
    sizeRange: [1, PHOTOS.length],
  }, args);
}
