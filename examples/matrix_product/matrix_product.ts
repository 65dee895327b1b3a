/**
 * Products of matrices that are shared with leased workers: in the paper's way, where both matrices travel, and with one
 * matrix that stays with the workers.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/matrix_product/matrix_product.ts
 * ```
 *
 * @module
 */
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import { compareKernels, type Problem } from "../shared/kernels/compare_kernels.ts";
import type { PlainFunction } from "../shared/thread_words.ts";
import { FORMS } from "./forms.ts";
import { leftMatrix, productDifference, rightMatrix } from "./matrices.ts";
import { ordersUpTo, readOptions } from "./options.ts";
import { OwnFunctions, SharedProduct } from "./shared_product.ts";

/** The products of matrices up to an order. */
export function problemOf(size: number): Problem {
  /** The functions of the last kernel; its ways have them in common. */
  let lastFunctions: ReadonlyMap<string, PlainFunction> | undefined;
  let own: OwnFunctions | undefined;
  return {
    title: "matrix products",
    unit: "rows",
    forms: FORMS,
    sizes: ordersUpTo(size),
    growth: 8,
    tolerance: 0, // all numbers are integers below 2^53
    async share(n, way, functions, opening) {
      if (functions !== lastFunctions) own = functions && new OwnFunctions(functions);
      lastFunctions = functions;
      const shared = opening.use(await SharedProduct.share(n, leftMatrix(n), way, own));
      const b = rightMatrix(n);
      const entry = (suffix: string, both: boolean) => {
        const c = new Float64Array(n * n).fill(NaN);
        return {
          suffix,
          run: () => shared.multiply(b, c, both),
          difference: () => {
            const difference = productDifference(n, c);
            c.fill(NaN); // what no worker writes from now on is wrong at the next check
            return difference;
          },
        };
      };
      return way.kind === "lease"
        ? [entry("", false), entry(", both travel", true)]
        : [entry("", false)];
    },
  };
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  if (!await compareKernels(problemOf(options.size), options, shutdown.signal)) Deno.exitCode = 1;
}
