/**
 * The figures of the paper on rFaaS (Copik, Taranov, Calotoiu, Hoefler, IPDPS 2023), measured on this host. Each figure has
 * rows of its own, under the name of the suite and of the figure.
 */

import type { Bench } from "../suites/suite.ts";
import { measureRoundTrips } from "./round_trips.ts";

/** Measures all figures. One that fails leaves the others. */
export async function paperSuite(bench: Bench): Promise<void> {
  const figures = { "round trips": measureRoundTrips };
  for (const [name, measure] of Object.entries(figures)) {
    await bench.attempt(`paper ${name}`, () => measure(bench));
  }
}
