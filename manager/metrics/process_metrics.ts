/** What any process reports of itself, by the names that Prometheus gives to them. */
import process from "node:process";
import project from "../../deno.json" with { type: "json" };
import type { MetricTable } from "./metric.ts";

const { version } = project;

/** The metrics of each manager's process. */
export const PROCESS_METRICS: MetricTable<unknown> = {
  rfaas_build_info: {
    type: "gauge",
    unit: "1",
    help: "The version of rfaas that runs, as a label",
    labels: { version: [version] },
    read: () => ({ [version]: 1 }),
  },
  process_start_time_seconds: {
    type: "gauge",
    unit: "seconds",
    help: "When the process started, since 1970",
    read: () => performance.timeOrigin / 1000,
  },
  process_cpu_seconds_total: {
    type: "counter",
    unit: "seconds",
    help: "Processor time that the process has used",
    read: () => {
      const { user, system } = process.cpuUsage(); // in microseconds
      return (user + system) / 1e6;
    },
  },
  process_resident_memory_bytes: {
    type: "gauge",
    unit: "bytes",
    help: "Resident memory of the process",
    read: () => Deno.memoryUsage().rss,
  },
};
