/**
 * The figures of the paper on rFaaS (Copik, Taranov, Calotoiu, Hoefler, IPDPS 2023), measured on this host. Each figure has
 * rows of its own, under the name of the suite and of the figure.
 */

import type { Bench } from "../suites/suite.ts";
import { BURSTY_LOAD, measureBurstyLoad } from "./bursty_load.ts";
import { COLD_STARTS, measureColdStarts } from "./cold_starts.ts";
import { measureParallelCalls, PARALLEL_CALLS } from "./parallel_calls.ts";
import { measureRecognition, RECOGNITION } from "./recognition.ts";
import { measureRoundTrips, ROUND_TRIPS } from "./round_trips.ts";
import { measureSpeedups, SPEEDUPS } from "./speedups.ts";
import { measureThumbnails, THUMBNAILS } from "./thumbnails.ts";

const FIGURES = {
  [ROUND_TRIPS]: measureRoundTrips,
  [COLD_STARTS]: measureColdStarts,
  [PARALLEL_CALLS]: measureParallelCalls,
  [SPEEDUPS]: measureSpeedups,
  [THUMBNAILS]: measureThumbnails,
  [RECOGNITION]: measureRecognition,
  [BURSTY_LOAD]: measureBurstyLoad,
};

/** Measures all figures. One that fails leaves the others. */
export async function paperSuite(bench: Bench): Promise<void> {
  for (const [name, measure] of Object.entries(FIGURES)) {
    await bench.attempt(name, () => measure(bench));
  }
}
