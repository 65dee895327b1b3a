/** The bodies of `/v1/nodes`, `/v1/reclaim` and `/v1/lent`. */
import {
  bootId,
  byteCount,
  count,
  epochNumber,
  fabricAddress,
  fabricAddresses,
  graceMs,
  hexId,
  plainName,
  reasonText,
  timeMs,
  timeText,
  workerCount,
} from "./api_fields.ts";
import { type BillReport, billReportSchema } from "./bill_api.ts";
import { type GrantKey, grantKeySchema } from "./key_api.ts";
import type { Page, PageQuery } from "./page_api.ts";
import * as v from "../valibot.ts";

/** The longest wait of a node for a notification, in milliseconds; then it sends the next request. */
export const NOTIFICATIONS_WAIT_MS = 20_000;
/** A reason in the form that a report takes. It may hold what a function threw. */
export function reportedReason(reason: string): string {
  return reason.slice(0, 200).replace(/[^\x20-\x7e]/g, "?");
}

/** The name that drains or lends a node unless a request has another. */
export const OPERATOR = "operator";
/** The grace period of leases that do not fit into what a node lends, unless a request has another, in milliseconds. */
export const DEFAULT_GRACE_MS = 10_000;

/** The body of `POST /v1/nodes`. */
export interface NodeRegistration {
  /** The node's name: 1 to 128 letters, digits, `.`, `_` or `-`. */
  readonly name: string;
  /** The cores that it lends, 1 to 4,096. */
  readonly cores: number;
  /** The memory that it lends, in bytes. */
  readonly memoryBytes: number;
  /** Its fabric addresses, 1 to 16, such as `shm:NAME` or `verbs://HOST:PORT`. */
  readonly addresses: readonly string[];
  /** The boot id of its host. */
  readonly bootId: string;
  /** The sandbox of its executors, such as `bubblewrap`: a name, as the node's own. @default "none" */
  readonly sandbox?: string;
  /** The program, such as `slurm`, that drains it from its start until that program lends it. @default it lends at once */
  readonly drainedBy?: string;
}

export const nodeRegistrationSchema: v.GenericSchema<NodeRegistration> = v.object({
  name: plainName,
  cores: count(1, 4096),
  memoryBytes: byteCount,
  addresses: fabricAddresses,
  bootId,
  sandbox: v.exactOptional(plainName),
  drainedBy: v.exactOptional(plainName),
});

/** The response of `POST /v1/nodes`. */
export interface NodeRegistrationResponse {
  /** The node's id. */
  readonly node: string;
  /** The number of starts of its executor manager. */
  readonly epoch: number;
  /** The keys whose grants the node accepts. */
  readonly keys: readonly GrantKey[];
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The time between two heartbeats, in milliseconds. */
  readonly heartbeatMs: number;
}

export const nodeRegistrationResponseSchema: v.GenericSchema<NodeRegistrationResponse> = v.object({
  node: hexId,
  epoch: epochNumber,
  keys: v.array(grantKeySchema),
  nowMs: timeMs,
  heartbeatMs: count(1),
});

/** The body of `POST /v1/nodes/:node/notifications`. */
export interface NotificationsRequest {
  /** The node's epoch. */
  readonly epoch: number;
  /** The revision of the last response. Left out: the response comes without a wait. */
  readonly since?: number;
}

export const notificationsRequestSchema: v.GenericSchema<NotificationsRequest> = v.object({
  epoch: epochNumber,
  since: v.exactOptional(count(0)),
});

/** The response of `POST /v1/nodes/:node/notifications`. */
export interface NotificationsResponse {
  /** The newest revision. If it differs from `since`, a heartbeat is due. */
  readonly revision: number;
}

export const notificationsResponseSchema: v.GenericSchema<NotificationsResponse> = v.object({
  revision: count(0),
});

/** The body of `POST /v1/nodes/:node/drain`. */
export interface DrainRequest {
  /** How long the node's leases have to move to other nodes, in milliseconds, 0 to 86,400,000. */
  readonly graceMs: number;
  /** The program that drains it, such as `slurm`: it drains until each that drained it lends it. @default "operator" */
  readonly by?: string;
  /** Refused with `changed` if the node has another `revision` by now. @default it may have any */
  readonly revision?: number;
}

export const drainRequestSchema: v.GenericSchema<DrainRequest> = v.object({
  graceMs,
  by: v.exactOptional(plainName),
  revision: v.exactOptional(count(0)),
});

/** The body of `PUT /v1/nodes/:node/lent`. */
export interface LendRequest {
  /** The cores to lend, 1 to those that it registered. @default all of them */
  readonly cores?: number;
  /** How long leases beyond that have to move to other nodes, in milliseconds, 0 to 86,400,000. @default 10,000 */
  readonly graceMs?: number;
  /** The program that lends it, such as `slurm`. What others have set stays. @default "operator" */
  readonly by?: string;
  /** Refused with `changed` if the node has another `revision` by now. @default it may have any */
  readonly revision?: number;
}

export const lendRequestSchema: v.GenericSchema<LendRequest> = v.object({
  cores: v.exactOptional(count(1, 4096)),
  graceMs: v.exactOptional(graceMs),
  by: v.exactOptional(plainName),
  revision: v.exactOptional(count(0)),
});

/** The longest wait for a node to be free, in milliseconds. */
export const MAX_RECLAIM_WAIT_MS = 20_000;

/** The body of `POST /v1/reclaim`. */
export interface ReclaimRequest {
  /** The node's name. */
  readonly name: string;
  /** How long its leases have to move to other nodes, in milliseconds, 0 to 86,400,000. */
  readonly graceMs: number;
  /** The program that reclaims it, such as `slurm`: the node drains until that program lends it. */
  readonly by: string;
  /** How long to wait until the node is free, in milliseconds, 0 to 20,000. */
  readonly waitMs: number;
}

export const reclaimRequestSchema: v.GenericSchema<ReclaimRequest> = v.object({
  name: plainName,
  graceMs,
  by: plainName,
  waitMs: count(0, MAX_RECLAIM_WAIT_MS),
});

/** The response of `POST /v1/reclaim`. */
export interface Reclaimed {
  /** The node's id. */
  readonly node: string;
  /** Whether it has confirmed that it runs no lease and no executor, and admits none. */
  readonly isFree: boolean;
  /** Whether its heartbeats are missing, so that it cannot confirm anything. */
  readonly isLost: boolean;
  /** The cores that leases still have there. */
  readonly leasedCores: number;
}

export const reclaimedSchema: v.GenericSchema<Reclaimed> = v.object({
  node: hexId,
  isFree: v.boolean(),
  isLost: v.boolean(),
  leasedCores: count(0),
});

/** The body of `PUT /v1/nodes/:node/leases/:lease`. */
export interface LeaseReport {
  /** The node's epoch. */
  readonly epoch: number;
  /** `claimed`: the node has admitted the lease; `ended`: it serves the lease no more. */
  readonly state: "claimed" | "ended";
  /** The workers of the lease on the node. */
  readonly workers: number;
  /** Why it ended: 1 to 256 printable ASCII characters. */
  readonly reason?: string | undefined;
  /** With `ended`: its totals. */
  readonly bill?: BillReport;
}

export const leaseReportSchema: v.GenericSchema<LeaseReport> = v.object({
  epoch: epochNumber,
  state: v.picklist(["claimed", "ended"]),
  workers: workerCount,
  reason: v.optional(reasonText),
  bill: v.exactOptional(billReportSchema),
});

/** A node as the resource manager sees it. */
export interface NodeEntry {
  /** The node's id. */
  readonly node: string;
  /** The node's name. */
  readonly name: string;
  /** The number of starts of its executor manager. */
  readonly epoch: number;
  /** Its fabric addresses. */
  readonly addresses: readonly string[];
  /** The sandbox of its executors: `none` if Deno alone isolates functions. */
  readonly sandbox: string;
  /** The cores that it lends, or would lend if it did not drain. */
  readonly cores: number;
  /** The most that it may lend: those that it registered. */
  readonly maxCores: number;
  /** Its cores that no lease has. */
  readonly freeCores: number;
  /** The memory that it lends, in bytes. */
  readonly memoryBytes: number;
  /** Its memory that no lease has, in bytes. */
  readonly freeMemoryBytes: number;
  /** `up`: it takes leases; `draining`: it takes no new ones; `lost`: its heartbeats are missing. */
  readonly state: "up" | "draining" | "lost";
  /** What drains it: `operator`, and names of programs such as `slurm`. */
  readonly drainedBy: readonly string[];
  /** The most cores that each name lends, of those that limit it; 0 drains it. */
  readonly limits: readonly { readonly by: string; readonly cores: number }[];
  /** Whether the node has confirmed that it serves no more than it lends: while it drains, no lease and no executor. */
  readonly isSettled: boolean;
  /** Differs after each request to drain or lend it. */
  readonly revision: number;
  /** When its last heartbeat arrived, in milliseconds since 1970. */
  readonly lastSeenMs: number;
}

/** Where a page of nodes ends: the name of its last one. */
export const nodeCursor = plainName;

/** Selects nodes, and one page of them. */
export interface NodePageQuery extends PageQuery {
  /** The node of this name only. */
  readonly name?: string;
}

/** The response of `GET /v1/nodes`. */
export interface NodeList extends Page {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The nodes, by name. */
  readonly nodes: readonly NodeEntry[];
}

export const nodeListSchema: v.GenericSchema<NodeList> = v.object({
  nowMs: timeMs,
  nodes: v.array(v.object({
    node: hexId,
    name: plainName,
    epoch: epochNumber,
    addresses: v.array(fabricAddress),
    sandbox: plainName,
    cores: count(1),
    maxCores: count(1),
    freeCores: count(0),
    memoryBytes: byteCount,
    freeMemoryBytes: byteCount,
    state: v.picklist(["up", "draining", "lost"]),
    drainedBy: v.array(plainName),
    limits: v.array(v.object({ by: plainName, cores: count(0, 4096) })),
    isSettled: v.boolean(),
    revision: count(0),
    lastSeenMs: timeMs,
  })),
  next: v.exactOptional(nodeCursor),
});

/** What all nodes together had to lend in an hour. Drained and lost nodes do not count. */
export interface LentHour {
  /** The begin of the hour, in milliseconds since 1970. */
  readonly hourMs: number;
  /** The first moment that counted: no resource manager ran before it. */
  readonly fromMs: number;
  /** The last moment that counted. */
  readonly untilMs: number;
  /** Cores times milliseconds. */
  readonly coreMs: number;
}

/** The response of `GET /v1/lent`. */
export interface LentHourList {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The hours of this page, oldest first. Those without a resource manager are left out. */
  readonly hours: readonly LentHour[];
  /** `after` of the query for the next page. Left out on the last one. */
  readonly next?: string;
}

export const lentHourListSchema: v.GenericSchema<LentHourList> = v.object({
  nowMs: timeMs,
  hours: v.array(v.object({
    hourMs: timeMs,
    fromMs: timeMs,
    untilMs: timeMs,
    coreMs: count(0),
  })),
  next: v.exactOptional(timeText),
});
