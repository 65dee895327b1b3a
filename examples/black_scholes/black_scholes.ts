/**
 * One numeric kernel in three languages: prices options in TypeScript, WebAssembly and C, with leased workers of this
 * host, and compares times and results.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/black_scholes/black_scholes.ts
 * ```
 *
 * @module
 */
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import { compareKernels, type Problem } from "../shared/kernels/compare_kernels.ts";
import { largestDifference } from "../shared/differences.ts";
import { FORMS } from "./forms.ts";
import { price } from "./kernel.ts";
import { countsUpTo, readOptions } from "./options.ts";
import { portfolio, PRICES } from "./portfolio.ts";
import { SharedPortfolio } from "./shared_portfolio.ts";

/**
 * The largest accepted difference of two prices, for spots of about 100. `exp` and `log` of V8, AssemblyScript and glibc
 * differ in their last digit, which is 1e-14 here. A different formula would differ by 1e-8.
 */
const TOLERANCE = 1e-10;

/** The prices of up to so many options, compared with those of kernel.ts in this thread. */
function problemOf(size: number): Problem {
  const all = new Uint8Array(portfolio(size).buffer);
  const expected = new Float64Array(PRICES * size);
  price(all, new Uint8Array(expected.buffer));
  return {
    title: "Black-Scholes prices",
    unit: "options",
    forms: FORMS,
    sizes: countsUpTo(size),
    growth: 2,
    tolerance: TOLERANCE,
    share(count, way, own, opening) {
      const shared = opening.use(new SharedPortfolio(way, own?.get("price")));
      const given = all.subarray(0, all.length / size * count);
      const prices = new Float64Array(PRICES * count);
      const bytes = new Uint8Array(prices.buffer);
      return Promise.resolve([{
        suffix: "",
        run: () => shared.price(given, bytes),
        difference: () => largestDifference(prices, expected.subarray(0, prices.length)),
      }]);
    },
  };
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  if (!await compareKernels(problemOf(options.size), options, shutdown.signal)) Deno.exitCode = 1;
}
