/** The cluster at one moment, in the form in which the dashboard receives it. */
import type { NodeExecutors } from "../../../runtime/http/heartbeat_api.ts";
import type { StartSteps } from "../books/lease_starts.ts";
import type { StartColumn } from "../books/start_counts.ts";
import type { NodeState } from "../leases/node_capacity.ts";

/**
 * The parts of leases on a node, each a box of the topology, as numbers one after the other: there are up to ten
 * thousand, and some of them change every second. For each part:
 *
 * 1. the key of its lease; 0 for all parts together that the viewer may not see
 * 2. its workers
 * 3. 1 if the client has claimed it; 0 while its cores are reserved
 * 4. how many hundredths of its cores compute
 * 5. how many hundredths of its cores poll for calls
 * 6. the calls that it serves a second; -1 while that is not known
 */
export type ShownParts = readonly number[];

/** A node: a row of the topology. */
export interface ShownNode {
  readonly node: string;
  readonly name: string;
  readonly state: NodeState;
  readonly cores: number;
  readonly memoryBytes: number;
  /** What of it leases have, or is reserved for them. */
  readonly allocatedCores: number;
  readonly allocatedBytes: number;
  readonly sandbox: string;
  readonly epoch: number;
  /** The grace period while it drains. */
  readonly drainMs: number | null;
  /** When its last heartbeat arrived, if it is lost. */
  readonly lastSeenMs: number | null;
  /** Null before the first heartbeat. */
  readonly executors: NodeExecutors | null;
  readonly parts: ShownParts;
}

/** A running lease. */
export interface ShownLease {
  /** A number in place of the id, for the parts. */
  readonly key: number;
  readonly lease: string;
  readonly client: string;
  readonly workers: number;
  readonly memoryBytes: number;
  readonly issuedMs: number;
  /** The steps of its start, in milliseconds; null until its nodes have reported them. */
  readonly start: StartSteps | null;
}

/** How many leases started in the last minutes, of all clients, by the time that it took. */
export interface ShownStarts {
  /** The greatest time of each bucket but the last one, which has all longer ones. */
  readonly boundsMs: readonly number[];
  /** How many minutes are counted, up to the one that has begun. */
  readonly minutes: number;
  /** The minutes whose counts have changed. Those that are missing in everything have no starts. */
  readonly columns: readonly StartColumn[];
}

/** A request that waits for capacity. */
export interface ShownWaiting {
  readonly client: string;
  /** Left out if the configuration names no classes. */
  readonly class?: string;
  readonly workers: number;
  readonly memoryBytes: number;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly reason: string;
}

/** Totals of nodes that are not lost, for all viewers alike. */
export interface ShownTotals {
  readonly nodes: Readonly<Record<NodeState, number>>;
  readonly cores: number;
  readonly allocatedCores: number;
  readonly computeCores: number;
  readonly pollCores: number;
  /** Calls a second. */
  readonly calls: number;
  readonly memoryBytes: number;
  readonly allocatedBytes: number;
  /** Executors that wait for leases. */
  readonly waitingExecutors: number;
  /** Workers that got a waiting executor, and those that waited for one to boot, since the starts of the nodes. */
  readonly pooledStarts: number;
  readonly coldStarts: number;
  readonly leases: number;
  readonly waiting: number;
  readonly longestWaitMs: number;
}

/** What changed since the last message, or all of it. */
export interface ShownChange {
  /** Whether this replaces everything that was shown before. */
  readonly whole: boolean;
  readonly nowMs: number;
  readonly totals: ShownTotals;
  /** The first of the waiting requests that the viewer may see. */
  readonly waiting: readonly ShownWaiting[];
  readonly nodes: readonly ShownNode[];
  /** The ids of nodes that are gone. */
  readonly goneNodes: readonly string[];
  readonly leases: readonly ShownLease[];
  /** The keys of leases that have ended. */
  readonly goneLeases: readonly number[];
  readonly starts: ShownStarts;
}
