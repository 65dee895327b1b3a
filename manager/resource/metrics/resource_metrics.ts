/** The metrics of the resource manager. docs/observability.md has the same table. */
import { type MetricTable, SECONDS_BUCKETS } from "../../metrics/metric.ts";
import { PROCESS_METRICS } from "../../metrics/process_metrics.ts";
import { ROUTES } from "../http/routes/routes.ts";
import { nodeStates } from "../leases/node_capacity.ts";
import { REFUSAL_CODES } from "../refusal.ts";
import type { ClusterFigures } from "./cluster_figures.ts";

/** What the metrics are read from. */
export interface ResourceFigures {
  /** Whether this resource manager leads; the only one does. */
  readonly leads: boolean;
  /** Undefined while the store cannot be read, or another resource manager leads. */
  readonly cluster: ClusterFigures | undefined;
  /** The requests for leases that wait for capacity. */
  readonly waiting: number;
  /** How long the first of them has waited, in seconds. */
  readonly longestWaitSeconds: number;
  readonly requestsInFlight: number;
  /** How many requests were refused since too many were in flight. */
  readonly overloads: number;
}

const byState = { labels: { state: nodeStates } } as const;

export const RESOURCE_METRICS: MetricTable<ResourceFigures> = {
  rfaas_cluster_nodes: {
    type: "gauge",
    unit: "nodes",
    help: "Registered nodes",
    ...byState,
    read: ({ cluster }) => ({ ...cluster?.nodes }),
  },
  rfaas_cluster_cores: {
    type: "gauge",
    unit: "cores",
    help: "Cores that the nodes lend, times their oversubscription",
    ...byState,
    read: ({ cluster }) => ({ ...cluster?.cores }),
  },
  rfaas_cluster_cores_allocated: {
    type: "gauge",
    unit: "cores",
    help: "Cores that leases have, or that are reserved for them",
    ...byState,
    read: ({ cluster }) => ({ ...cluster?.allocatedCores }),
  },
  rfaas_cluster_memory_bytes: {
    type: "gauge",
    unit: "bytes",
    help: "Memory that the nodes lend",
    ...byState,
    read: ({ cluster }) => ({ ...cluster?.memoryBytes }),
  },
  rfaas_cluster_memory_allocated_bytes: {
    type: "gauge",
    unit: "bytes",
    help: "Memory that leases have, or that is reserved for them",
    ...byState,
    read: ({ cluster }) => ({ ...cluster?.allocatedBytes }),
  },
  rfaas_cluster_leases: {
    type: "gauge",
    unit: "leases",
    help: "Running leases, by whether a node serves a part of them",
    labels: { state: ["claimed", "unclaimed"] },
    read: ({ cluster }) => ({ ...cluster?.leases }),
  },
  rfaas_manager_leads: {
    type: "gauge",
    unit: "1",
    help: "Whether the resource manager leads; the only one does",
    read: ({ leads }) => leads ? 1 : 0,
  },
  rfaas_manager_store_up: {
    type: "gauge",
    unit: "1",
    help: "Whether the leader can read its store; 1 where another resource manager leads",
    read: ({ cluster, leads }) => cluster === undefined && leads ? 0 : 1,
  },
  rfaas_manager_waiting_requests: {
    type: "gauge",
    unit: "requests",
    help: "Requests for leases that wait for capacity",
    read: ({ waiting }) => waiting,
  },
  rfaas_manager_longest_wait_seconds: {
    type: "gauge",
    unit: "seconds",
    help: "How long the first of the waiting requests has waited",
    read: ({ longestWaitSeconds }) => longestWaitSeconds,
  },
  rfaas_manager_requests_in_flight: {
    type: "gauge",
    unit: "requests",
    help: "Requests without a response, those that wait included",
    read: ({ requestsInFlight }) => requestsInFlight,
  },
  rfaas_manager_overloads_total: {
    type: "counter",
    unit: "requests",
    help: "Requests that were refused since too many were in flight",
    read: ({ overloads }) => overloads,
  },
  rfaas_manager_requests_total: {
    type: "counter",
    unit: "requests",
    help: "Requests by their route and outcome: `ok`, or the code of the error",
    labels: { route: Object.keys(ROUTES), code: ["ok", "internal", "gone", ...REFUSAL_CODES] },
  },
  rfaas_manager_request_duration_seconds: {
    type: "histogram",
    unit: "seconds",
    help: "Time from a request to its response, with its wait for capacity or for an event",
    labels: { route: Object.keys(ROUTES) },
    buckets: SECONDS_BUCKETS,
  },
  ...PROCESS_METRICS,
};
