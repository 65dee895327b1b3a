/** Every chart of the page, in order: for which rows, and what it says. */

import type { EChartsOption } from "../../examples/demo/echarts.ts";
import type { Row } from "../rows.ts";
import { bandwidthChart, barsChart, overheadChart } from "./bar_charts.ts";
import { distributionChart, latencyChart, partsChart, throughputChart } from "./line_charts.ts";
import type { Look } from "./look.ts";

export interface Chart {
  /** Its element's. */
  readonly id: string;
  readonly title: string;
  /** How to read it, in a sentence or two. */
  readonly text: string;
  readonly suite: string;
  /** Of the rows of its suite, those that it shows. @default all */
  readonly shows?: (row: Row) => boolean;
  /** Its height in pixels. */
  readonly height: (rows: readonly Row[]) => number;
  readonly option: (rows: readonly Row[], look: Look) => EChartsOption;
}

/** The rows of the chart. */
export function rowsOf({ suite, shows = () => true }: Chart, rows: readonly Row[]): Row[] {
  return rows.filter((row) => row.suite === suite && shows(row));
}

const lines = () => 440;
/** A bar a row. */
const bars = (rows: readonly Row[]) => 60 + 44 * rows.length;

const ALL: readonly Chart[] = [
  {
    id: "latency",
    title: "A round trip, by size",
    text: "Median of a round trip with everything awake; lower is better. Both axes are " +
      "logarithmic: a step down is ten times faster. Grey is the floor, two processes that pass " +
      "the bytes through shared memory and do nothing else.",
    suite: "hot",
    height: lines,
    option: latencyChart,
  },
  {
    id: "distribution",
    title: "How steady it is, at 64 bytes",
    text: "Of all round trips, the share below took no longer than the time at the left. A curve " +
      "that stays flat far to the right is a call whose time can be relied on.",
    suite: "hot",
    shows: ({ bytes }) => bytes === 64,
    height: lines,
    option: distributionChart,
  },
  {
    id: "tail",
    title: "The slowest of them",
    text: "The same over millions of round trips, with the cores left to the scheduler and with " +
      "one for each end: what lies far above the median is an interrupt, or another thread that " +
      "had the core.",
    suite: "tail",
    height: lines,
    option: distributionChart,
  },
  {
    id: "overhead",
    title: "Our own instructions",
    text: "Median nanoseconds that the code of both ends takes for one call, with nobody to wait " +
      "for: what is left of a call when memory and the other processor are free.",
    suite: "overhead",
    shows: ({ path }) => /: (client, start|worker|client, finish)$/.test(path),
    height: (rows) => 110 + 16 * rows.length,
    option: overheadChart,
  },
  {
    id: "prepared",
    title: "Throughput of prepared calls",
    text: "Calls a second from one client thread, by calls in flight on each worker; higher is " +
      "better. With more workers than cores they take turns.",
    suite: "throughput",
    shows: ({ path }) => path.startsWith("prepared"),
    height: lines,
    option: throughputChart,
  },
  {
    id: "promises",
    title: "Throughput of invoke()",
    text: "The same with promises: each call copies its argument in and its result out.",
    suite: "throughput",
    shows: ({ path }) => path.startsWith("invoke"),
    height: lines,
    option: throughputChart,
  },
  {
    id: "workers",
    title: "What more workers give",
    text: "Time a call of functions that compute for 5 and 50 microseconds; lower is better. One " +
      "client thread polls as well, so that there are more pollers than two cores from two workers on.",
    suite: "throughput",
    shows: ({ path }) => path.startsWith("work"),
    height: bars,
    option: barsChart,
  },
  {
    id: "bandwidth",
    title: "Large payloads",
    text:
      "Gigabytes a second, there and back counted once; higher is better. In place nothing is " +
      "copied, so that the figure may exceed that of memory itself. The bare processes make the " +
      "copies of the calls that write, echo and read.",
    suite: "bandwidth",
    shows: ({ path }) => !/^bare(?!.*read$)/.test(path),
    height: () => 460,
    option: bandwidthChart,
  },
  {
    id: "warm",
    title: "When somebody sleeps",
    text: "Median of calls that first have to wake the other end, beside two bare processes that " +
      "wake each other; the line reaches to the 99th percentile.",
    suite: "warm",
    height: bars,
    option: barsChart,
  },
  {
    id: "cold",
    title: "Starts",
    text: "Median from asking to the first result, logarithmic; the line reaches to the 99th " +
      "percentile.",
    suite: "cold",
    height: bars,
    option: barsChart,
  },
  {
    id: "timer",
    title: "A timer of 10 ms",
    text:
      "How late it fires: the event loop stays alive while calls are under way. Median, and to " +
      "the 99th percentile.",
    suite: "timer",
    height: bars,
    option: barsChart,
  },
  {
    id: "verbs",
    title: "Over an RDMA device",
    text: "Median of a round trip, beside perftest; both axes are logarithmic.",
    suite: "verbs",
    height: lines,
    option: latencyChart,
  },
  {
    id: "control",
    title: "Leases granted",
    text:
      "How long the resource manager takes for a grant with 64 requests under way: median, and " +
      "to the 99th percentile.",
    suite: "control",
    height: bars,
    option: barsChart,
  },
  {
    id: "soak",
    title: "For a long time",
    text: "Calls a second, part by part of a long run with leases that come and go: flat is good.",
    suite: "soak",
    height: () => 320,
    option: partsChart,
  },
];

/** Their options are given the rows that they show. */
export const CHARTS: readonly Chart[] = ALL.map((chart) => ({
  ...chart,
  option: (rows, look) => chart.option(rowsOf(chart, rows), look),
}));
