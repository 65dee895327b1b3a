/** All charts of the page in order, with their rows and texts. */

import type { Row } from "../rows.ts";
import { bandwidthChart, barsChart, overheadChart } from "./bar_charts.ts";
import { type Chart, rowsOf } from "./chart.ts";
import { distributionChart, latencyChart, partsChart, throughputChart } from "./line_charts.ts";
import { PAPER_CHARTS } from "./paper_charts.ts";

const lines = () => 440;
/** The height for one bar per row. */
const bars = (rows: readonly Row[]) => 60 + 44 * rows.length;

const ALL: readonly Chart[] = [
  {
    id: "latency",
    title: "Round trips by size",
    text: "Median of a round trip with all ends awake; lower is better. Both axes are " +
      "logarithmic: one step down is ten times faster. Gray is the floor, two processes that only " +
      "pass the bytes through shared memory.",
    suite: "hot",
    height: lines,
    option: latencyChart,
  },
  {
    id: "distribution",
    title: "Distribution at 64 bytes",
    text: "The share of round trips on the horizontal axis took at most the time on the vertical " +
      "axis. A curve that stays flat far to the right shows steady calls.",
    suite: "hot",
    shows: ({ bytes }) => bytes === 64,
    height: lines,
    option: distributionChart,
  },
  {
    id: "tail",
    title: "The slowest calls",
    text: "The same for millions of round trips, with the cores left to the scheduler and with a " +
      "core for each end. Times far above the median come from interrupts and from other threads " +
      "on the core.",
    suite: "tail",
    height: lines,
    option: distributionChart,
  },
  {
    id: "overhead",
    title: "Instructions of rfaas",
    text:
      "Median nanoseconds of the code of both ends for one call, in one thread: the cost of a " +
      "call without the transfer between two cores.",
    suite: "overhead",
    shows: ({ path }) => /: (client, start|worker|client, finish)$/.test(path),
    height: (rows) => 110 + 16 * rows.length,
    option: overheadChart,
  },
  {
    id: "prepared",
    title: "Throughput of prepared calls",
    text: "Calls per second from one client thread, by calls in flight on each worker; higher is " +
      "better. With more workers than cores, the workers take turns.",
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
    title: "The gain of more workers",
    text:
      "Time per call of functions that compute for 5 and 50 microseconds; lower is better. The " +
      "client thread polls too, so two workers and the client exceed two cores.",
    suite: "throughput",
    shows: ({ path }) => path.startsWith("work"),
    height: bars,
    option: barsChart,
  },
  {
    id: "bandwidth",
    title: "Large payloads",
    text:
      "Gigabytes per second, with the payload of a round trip counted once; higher is better. In " +
      "place nothing is copied, so the figure may exceed that of memory. The bare processes make " +
      "the same copies as the calls that write, echo and read.",
    suite: "bandwidth",
    shows: ({ path }) => !/^bare(?!.*read$)/.test(path),
    height: () => 460,
    option: bandwidthChart,
  },
  {
    id: "warm",
    title: "Sleeping ends",
    text:
      "Median of calls that must wake the other end first, beside two bare processes that wake " +
      "each other. The line ends at the 99th percentile.",
    suite: "warm",
    height: bars,
    option: barsChart,
  },
  {
    id: "cold",
    title: "Starts",
    text:
      "Median time from the request of a lease to the first result, on a logarithmic axis. The " +
      "line ends at the 99th percentile.",
    suite: "cold",
    height: bars,
    option: barsChart,
  },
  {
    id: "timer",
    title: "A timer of 10 ms",
    text:
      "Lateness of the timer: the event loop stays responsive while calls are in flight. Median, " +
      "with a line to the 99th percentile.",
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
    title: "Lease grants",
    text:
      "Time of a grant by the resource manager with 64 requests in flight: median, with a line to " +
      "the 99th percentile.",
    suite: "control",
    height: bars,
    option: barsChart,
  },
  {
    id: "failover",
    title: "Fail-over",
    text: "The longest gap between the grants of a client when the leader of three resource " +
      "managers ends: median, with a line to the 99th percentile.",
    suite: "failover",
    height: bars,
    option: barsChart,
  },
  {
    id: "soak",
    title: "Long run",
    text: "Calls per second in each part of a long run with short leases. A flat line is good.",
    suite: "soak",
    height: () => 320,
    option: partsChart,
  },
  ...PAPER_CHARTS,
];

/** The charts, whose options filter the rows. */
export const CHARTS: readonly Chart[] = ALL.map((chart) => ({
  ...chart,
  option: (rows, look) => chart.option(rowsOf(chart, rows), look),
}));
