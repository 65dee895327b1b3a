/** The command line of the example. */

import { type ExampleOptions, readExampleOptions } from "../shared/example_options.ts";

/** The photographs of examples/demo/photos. */
const PHOTOS = 14;

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readOptions(args: readonly string[]): ExampleOptions {
  return readExampleOptions({
    name: "thumbnails",
    workers: "Threads beside this one; a lease and HTTP have one worker more, as it waits for them",
    summary: "Make thumbnails of photographs: a map over JPEG files, on leased workers.",
    size: "Largest number of photographs",
    defaultSize: PHOTOS,
    sizeRange: [1, PHOTOS],
  }, args);
}

/** The numbers of photographs of the measurement: a half, and all. */
export function countsUpTo(size: number): number[] {
  return [...new Set([Math.ceil(size / 2), size])];
}
