/** The command line of the example. */

import { type ExampleOptions, readExampleOptions } from "../shared/example_options.ts";
import { CARDS } from "./cards.ts";

/** The flag that measures the model at each call too. */
export const RELOAD = "reload";

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readOptions(args: readonly string[]): ExampleOptions {
  return readExampleOptions({
    name: "text_recognition",
    workers: "Threads beside this one; a lease and HTTP have one worker more, as it waits for them",
    summary: "Read the text of cards with a neural network, on leased workers.",
    size: "Largest number of cards",
    defaultSize: 2,
    sizeRange: [1, CARDS.length],
    flags: { [RELOAD]: "Load the model at each call too, as the paper does" },
  }, args);
}

/** The numbers of cards of the measurement: all, and from four on a half too, as fewer than two share no work. */
export function countsUpTo(size: number): number[] {
  return size < 4 ? [size] : [Math.ceil(size / 2), size];
}
