/** The metrics of an executor manager. docs/observability.md has the same table. */
import { END_CODES } from "../../../runtime/protocol/end_reason.ts";
import { type MetricTable, SECONDS_BUCKETS } from "../../metrics/metric.ts";
import { PROCESS_METRICS } from "../../metrics/process_metrics.ts";
import type { NodeTotals } from "../bills/node_usage.ts";

/** What the metrics are read from. */
export interface NodeFigures extends NodeTotals {
  readonly cores: number;
  readonly allocatedCores: number;
  readonly memoryBytes: number;
  readonly allocatedBytes: number;
  /** The resident memory of all executors. */
  readonly usedBytes: number;
  readonly leases: number;
  /** All executors, and those of them that wait for leases. */
  readonly executors: number;
  readonly waitingExecutors: number;
  readonly draining: boolean;
}

/** Why a node refuses a claim: the codes of its errors. */
const CLAIM_CODES = [
  "bad-request",
  "bad-grant",
  "too-late",
  "expired",
  "memory",
  "full",
  "draining",
  "native",
  "permissions",
  "failed",
] as const;

export const NODE_METRICS: MetricTable<NodeFigures> = {
  rfaas_node_cores: {
    type: "gauge",
    unit: "cores",
    help: "Cores that the node lends, times its oversubscription",
    read: ({ cores }) => cores,
  },
  rfaas_node_cores_allocated: {
    type: "gauge",
    unit: "cores",
    help: "Cores that leases have: one for each of their workers",
    read: ({ allocatedCores }) => allocatedCores,
  },
  rfaas_node_memory_bytes: {
    type: "gauge",
    unit: "bytes",
    help: "Memory that the node lends",
    read: ({ memoryBytes }) => memoryBytes,
  },
  rfaas_node_memory_allocated_bytes: {
    type: "gauge",
    unit: "bytes",
    help: "Memory that leases have",
    read: ({ allocatedBytes }) => allocatedBytes,
  },
  rfaas_node_memory_used_bytes: {
    type: "gauge",
    unit: "bytes",
    help: "Resident memory of all executors, with that of the runtime in them",
    read: ({ usedBytes }) => usedBytes,
  },
  rfaas_node_draining: {
    type: "gauge",
    unit: "1",
    help: "Whether the node drains",
    read: ({ draining }) => draining ? 1 : 0,
  },
  rfaas_node_leases: {
    type: "gauge",
    unit: "leases",
    help: "Leases of which the node serves a part",
    read: ({ leases }) => leases,
  },
  rfaas_node_executors: {
    type: "gauge",
    unit: "executors",
    help: "Executors that run, those of leases and those that wait for one",
    read: ({ executors }) => executors,
  },
  rfaas_node_executors_waiting: {
    type: "gauge",
    unit: "executors",
    help: "Executors that wait for a lease",
    read: ({ waitingExecutors }) => waitingExecutors,
  },
  rfaas_node_calls_total: {
    type: "counter",
    unit: "calls",
    help: "Calls that workers have served, and chunks of streams",
    read: ({ calls }) => calls,
  },
  rfaas_node_held_core_seconds_total: {
    type: "counter",
    unit: "seconds",
    help: "Time that leases have held cores, from admission to end",
    read: ({ heldSeconds }) => heldSeconds,
  },
  rfaas_node_compute_seconds_total: {
    type: "counter",
    unit: "seconds",
    help: "Processor time in which functions computed",
    read: ({ computeSeconds }) => computeSeconds,
  },
  rfaas_node_poll_seconds_total: {
    type: "counter",
    unit: "seconds",
    help: "Processor time in which workers polled for calls",
    read: ({ pollSeconds }) => pollSeconds,
  },
  rfaas_node_claim_duration_seconds: {
    type: "histogram",
    unit: "seconds",
    help: "Time from a claim to the addresses of its workers, or to its refusal, by outcome",
    labels: { outcome: ["admitted", ...CLAIM_CODES] },
    buckets: SECONDS_BUCKETS,
  },
  rfaas_node_executor_take_seconds: {
    type: "histogram",
    unit: "seconds",
    help: "Time for which a worker waited for its executor: one of the pool, or a cold one",
    labels: { start: ["pooled", "cold"] },
    buckets: SECONDS_BUCKETS,
  },
  rfaas_node_executor_boot_seconds: {
    type: "histogram",
    unit: "seconds",
    help: "Time from the start of an executor until all its code is loaded",
    buckets: SECONDS_BUCKETS,
  },
  rfaas_node_executors_ended_total: {
    type: "counter",
    unit: "executors",
    help: "Executors that have ended, by the code of the reason",
    labels: { reason: END_CODES },
  },
  rfaas_node_leases_ended_total: {
    type: "counter",
    unit: "leases",
    help: "Leases whose part on the node has ended, by the code of the reason",
    labels: { reason: END_CODES },
  },
  rfaas_node_heartbeat_duration_seconds: {
    type: "histogram",
    unit: "seconds",
    help: "Time from a heartbeat to the response of the resource manager, by outcome",
    labels: { outcome: ["ok", "failed"] },
    buckets: SECONDS_BUCKETS,
  },
  ...PROCESS_METRICS,
};
