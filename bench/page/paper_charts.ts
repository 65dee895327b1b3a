/** The charts of the paper's figures. */

import {
  PUBLISHED_COLD_START_US,
  PUBLISHED_OVERHEAD_US,
  PUBLISHED_SOURCE,
  PUBLISHED_SPEEDUPS,
} from "../paper/published.ts";
import type { Chart } from "./chart.ts";
import { distributionChart } from "./line_charts.ts";
import { formatUs } from "./look.ts";
import { burstyLoadChart, coldStepsChart, partsOf } from "./paper_bars.ts";
import {
  bandwidthFinding,
  burstFinding,
  coldFinding,
  parallelFinding,
  recognitionFinding,
  roundTripFinding,
  speedupFinding,
  thumbnailFinding,
} from "./paper_findings.ts";
import { paperBandwidthChart, roundTripChart } from "./paper_lines.ts";
import { parallelChart, speedupChart } from "./paper_speedups.ts";

const lines = () => 460;
/** Smaller payloads have a latency, and no bandwidth worth a point. */
const LEAST_BANDWIDTH_BYTES = 16 * 1024;

export const PAPER_CHARTS: readonly Chart[] = [
  {
    id: "paper-round-trips",
    title: "Round trips over the size",
    text:
      "Median of a call of a function that returns its argument, one after the other. Hot: the " +
      "worker polls; warm: it sleeps. The ping-pong only passes the bytes through shared memory; the " +
      `paper states that a hot call adds less than ${
        formatUs(PUBLISHED_OVERHEAD_US)
      } to the bare transfer.`,
    finding: roundTripFinding,
    source: PUBLISHED_SOURCE,
    suite: "paper round trips",
    height: lines,
    option: roundTripChart,
  },
  {
    id: "paper-bandwidth",
    title: "Bandwidth",
    text:
      "The same calls as payload per second, each payload counted once though it travels there " +
      "and back. In shared memory the function writes where the caller reads.",
    finding: bandwidthFinding,
    source: PUBLISHED_SOURCE,
    suite: "paper round trips",
    shows: ({ bytes }) => bytes >= LEAST_BANDWIDTH_BYTES,
    height: lines,
    option: paperBandwidthChart,
  },
  {
    id: "paper-cold-starts",
    title: "Cold starts by step",
    text:
      "From the request of a lease to its first result. Cold: the executor boots for the lease; " +
      `pooled: it had booted before. The paper states at most ${
        formatUs(PUBLISHED_COLD_START_US)
      } ` +
      "for a cold start in a container.",
    finding: coldFinding,
    source: PUBLISHED_SOURCE,
    suite: "paper cold starts",
    height: (rows) => 110 + 48 * partsOf(rows).size,
    option: coldStepsChart,
  },
  {
    id: "paper-parallel-calls",
    title: "Calls on several workers at a time",
    text:
      "One client thread sends a call to each worker, and waits for all. A flat line is ideal, " +
      "and ends where workers and client outnumber the cores.",
    finding: parallelFinding,
    suite: "paper parallel calls",
    height: lines,
    option: parallelChart,
  },
  ...["Black-Scholes", "matrix product", "Jacobi"].map((problem): Chart => ({
    id: `paper-${problem.toLowerCase().replaceAll(" ", "-")}`,
    title: `Speed-up of ${problem === "matrix product" ? "a " : ""}${problem} over the size`,
    text:
      "Compared with one local thread, and in C with one leased worker, while the program waits. " +
      "The client computes its share too, except in C.",
    finding: speedupFinding,
    ...(problem in PUBLISHED_SPEEDUPS ? { source: PUBLISHED_SOURCE } : {}),
    suite: "paper speed-ups",
    shows: ({ path }) => path.startsWith(`${problem} in `),
    height: lines,
    option: speedupChart,
  })),
  {
    id: "paper-thumbnails",
    title: "Distribution of thumbnails",
    text:
      "Each call makes a thumbnail of one of 14 photographs of 1.5 to 1.6 megapixels. The share " +
      "of calls on the horizontal axis took at most the time on the vertical axis.",
    finding: thumbnailFinding,
    suite: "paper thumbnails",
    height: lines,
    option: distributionChart,
  },
  {
    id: "paper-recognition",
    title: "Distribution of image recognition",
    text:
      "Each call finds the objects in one of 5 photographs, with a network that its worker loaded " +
      "once, or that the call loads, as in the paper. The share of calls on the horizontal axis took " +
      "at most the time on the vertical axis.",
    finding: recognitionFinding,
    suite: "paper recognition",
    height: lines,
    option: distributionChart,
  },
  {
    id: "paper-bursty-load",
    title: "A bursty load: leases beside a reserved allocation",
    text: "Core time that was held, by the bills, and what became of it. Both ways have the same " +
      "bursts on two workers, with pauses between them. Polling ends 5 ms after the last call.",
    finding: burstFinding,
    suite: "paper bursty load",
    height: () => 250,
    option: burstyLoadChart,
  },
];
