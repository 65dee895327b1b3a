/** The heartbeats of nodes: the bodies of `POST /v1/nodes/:node/heartbeat`. */
import {
  count,
  epochNumber,
  graceMs,
  hexId,
  reasonText,
  timeMs,
  workerCount,
} from "./api_fields.ts";
import { type BillReport, billReportSchema, MAX_HEARTBEAT_BILLS } from "./bill_api.ts";
import { type GrantKey, grantKeySchema } from "./key_api.ts";
import * as v from "../valibot.ts";

/** The most leases in one heartbeat: one for each of the cores that a node may have. */
const MAX_HEARTBEAT_LEASES = 4096;

/** The executors of a node, since the start of its executor manager. */
export interface NodeExecutors {
  /** Those that run, of leases and of the pool. */
  readonly running: number;
  /** Those that wait for a lease. */
  readonly waiting: number;
  /** How many workers got one that had waited for them. */
  readonly pooled: number;
  /** How many workers waited until one had booted. */
  readonly cold: number;
}

const nodeExecutorsSchema: v.GenericSchema<NodeExecutors> = v.object({
  running: count(0),
  waiting: count(0),
  pooled: count(0),
  cold: count(0),
});

/** An executor that ended while its lease goes on. */
export interface ExecutorEnd {
  /** The lease's id. */
  readonly lease: string;
  /** The worker's index. */
  readonly worker: number;
  /** The number of executors that the worker has had on the node. */
  readonly generation: number;
  /** Why it ended: 1 to 256 printable ASCII characters. */
  readonly reason: string;
}

/** The most ends of executors in one heartbeat: crash loops must not push other events out. */
export const MAX_HEARTBEAT_EXECUTOR_ENDS = 16;

const executorEndSchema: v.GenericSchema<ExecutorEnd> = v.object({
  lease: hexId,
  worker: count(0, 4095),
  generation: count(1),
  reason: reasonText,
});

/** The most starts in one heartbeat. */
export const MAX_HEARTBEAT_STARTS = 256;

/** How a lease started on a node, in milliseconds: that of the slowest worker. */
export interface LeaseStart {
  /** The id of the lease. */
  readonly lease: string;
  /** `pooled` if every executor had booted before it was needed. */
  readonly start: "pooled" | "cold";
  /** Checking the claim, and reading the package. */
  readonly admitMs: number;
  /** Waiting for the executor's process. */
  readonly bootMs: number;
  /** From there until its worker listened. */
  readonly startMs: number;
}

const startStepMs = count(0, 86_400_000); // a day

const leaseStartSchema: v.GenericSchema<LeaseStart> = v.object({
  lease: hexId,
  start: v.picklist(["pooled", "cold"]),
  admitMs: startStepMs,
  bootMs: startStepMs,
  startMs: startStepMs,
});

/** The body of `POST /v1/nodes/:node/heartbeat`. */
export interface Heartbeat {
  /** The node's epoch. */
  readonly epoch: number;
  /**
   * When it was written, by the resource manager's clock as the node estimates it: a heartbeat may arrive late. Left out:
   * when it arrives.
   */
  readonly writtenMs?: number;
  /** The leases that the node serves, 4,096 at most, with the workers of each there. */
  readonly leases: readonly { readonly lease: string; readonly workers: number }[];
  /** Totals, 1,024 at most, also of leases that have ended. The node repeats those without a response. */
  readonly bills?: readonly BillReport[];
  /** Its executors. */
  readonly executors?: NodeExecutors;
  /** Executors that ended, 16 at most. The node repeats those without a response. */
  readonly executorEnds?: readonly ExecutorEnd[];
  /** How leases started, 256 at most, the last ones. The node repeats those without a response. */
  readonly starts?: readonly LeaseStart[];
  /** `revision` of `lent` in the last response, which the node has applied. */
  readonly lentRevision?: number;
}

export const heartbeatSchema: v.GenericSchema<Heartbeat> = v.object({
  epoch: epochNumber,
  writtenMs: v.exactOptional(count(0)),
  leases: v.pipe(
    v.array(v.object({ lease: hexId, workers: workerCount })),
    v.maxLength(MAX_HEARTBEAT_LEASES),
  ),
  bills: v.exactOptional(v.pipe(v.array(billReportSchema), v.maxLength(MAX_HEARTBEAT_BILLS))),
  executors: v.exactOptional(nodeExecutorsSchema),
  executorEnds: v.exactOptional(
    v.pipe(v.array(executorEndSchema), v.maxLength(MAX_HEARTBEAT_EXECUTOR_ENDS)),
  ),
  starts: v.exactOptional(v.pipe(v.array(leaseStartSchema), v.maxLength(MAX_HEARTBEAT_STARTS))),
  lentRevision: v.exactOptional(count(0)),
});

/** What a node has to lend at present. */
export interface Lent {
  /** Its cores for leases; 0: it drains. */
  readonly cores: number;
  /** How long leases beyond that have to move to other nodes, in milliseconds. */
  readonly graceMs: number;
  /** Differs after each change. */
  readonly revision: number;
}

const lentSchema: v.GenericSchema<Lent> = v.object({
  cores: count(0, 4096),
  graceMs,
  revision: count(0),
});

/** The response of `POST /v1/nodes/:node/heartbeat`. */
export interface HeartbeatResponse {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The keys whose grants the node accepts. */
  readonly keys: readonly GrantKey[];
  /** The leases that the node has to end. */
  readonly end: readonly string[];
  /** What the node has to lend. */
  readonly lent: Lent;
  /**
   * The leases that have to leave the node for requests of a higher class. One that is not listed any more may stay. Left
   * out if there is none.
   */
  readonly leave?: readonly LeavingLease[];
}

/** A lease that has to leave its node. */
export interface LeavingLease {
  /** The lease. */
  readonly lease: string;
  /** How long it still has to move to other nodes, in milliseconds. */
  readonly graceMs: number;
}

export const heartbeatResponseSchema: v.GenericSchema<HeartbeatResponse> = v.object({
  nowMs: timeMs,
  keys: v.array(grantKeySchema),
  end: v.array(hexId),
  lent: lentSchema,
  leave: v.exactOptional(v.array(v.object({ lease: hexId, graceMs }))),
});
