/** The command line of the example. */

import { type ExampleOptions, readExampleOptions } from "../shared/example_options.ts";
import { note } from "../shared/report.ts";

/** The smallest order of the measurement, unless all are smaller. */
const LEAST_ORDER = 256;

/** Orders are multiples of it: a share of rows must be a multiple of the tile. */
const ORDER_UNIT = 16;

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readOptions(args: readonly string[]): ExampleOptions {
  const options = readExampleOptions({
    name: "matrix_product",
    summary: "Multiply matrices in TypeScript, WebAssembly and C, with leased workers.",
    size:
      "Largest order, rounded up to a multiple of 16; each smaller one is half as large, down to 256",
    defaultSize: 2048,
    sizeRange: [16, 4096],
  }, args);
  const size = rounded(options.size);
  if (size !== options.size) note(`order ${options.size} is rounded up to ${size}`);
  return { ...options, size };
}

/** The orders of the measurement, up to a multiple of {@linkcode ORDER_UNIT}. */
export function ordersUpTo(size: number): number[] {
  const orders = [size];
  while (orders[0]! / 2 >= LEAST_ORDER) orders.unshift(rounded(orders[0]! / 2));
  return orders;
}

function rounded(order: number): number {
  return Math.ceil(order / ORDER_UNIT) * ORDER_UNIT;
}
