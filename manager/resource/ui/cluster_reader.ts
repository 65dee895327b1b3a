/** Reads what the dashboard shows, once for all viewers. */
import type { LeaseStarts } from "../books/lease_starts.ts";
import type { NodeBook } from "../books/node_book.ts";
import type { StartColumn } from "../books/start_counts.ts";
import type { Classes } from "../leases/classes.ts";
import type { LeaseQueue } from "../leases/lease_queue.ts";
import { type nodeStates, stateOf } from "../leases/node_capacity.ts";
import { MAX_NEW_SHOWN } from "../policy.ts";
import {
  type AllocationRow,
  type LeaseRow,
  type NodeLoad,
  type Store,
  takenBy,
  type Transaction,
} from "../store/store.ts";
import type { ShownLease, ShownNode, ShownTotals, ShownWaiting } from "./shown_cluster.ts";
import type { Usage, UsageRates } from "./usage_rates.ts";

/** A node whose parts have their leases. */
export interface NodeMoment extends Omit<ShownNode, "parts"> {
  readonly parts: readonly PartMoment[];
}

/** A part of a lease on a node. */
export interface PartMoment extends Usage {
  /** Undefined until the row of the lease was read. */
  readonly lease: ShownLease | undefined;
  readonly workers: number;
  readonly claimed: boolean;
}

/** The cluster at one moment. */
export interface Moment {
  readonly nowMs: number;
  readonly totals: ShownTotals;
  readonly waiting: readonly ShownWaiting[];
  readonly nodes: readonly NodeMoment[];
  readonly starts: readonly StartColumn[];
}

/** What it reads. */
export interface ClusterSources {
  readonly store: Store;
  readonly clock: () => number;
  /** Returns the time since which a node has sent a heartbeat unless it is lost. */
  readonly aliveSinceMs: () => number;
  readonly queue: Pick<LeaseQueue, "length" | "longestWaitMs" | "waiting">;
  readonly classes: Pick<Classes, "areNamed">;
  readonly nodes: Pick<NodeBook, "shown">;
  readonly starts: LeaseStarts;
}

/** Reads the cluster. Keeps what it has read of running leases, since that does not change. */
export class ClusterReader {
  readonly #sources: ClusterSources;
  readonly #rates: UsageRates;
  #leases = new Map<string, ShownLease>();
  #lastKey = 0;

  constructor(sources: ClusterSources, rates: UsageRates) {
    this.#sources = sources;
    this.#rates = rates;
  }

  async read(): Promise<Moment> {
    const { store, clock, aliveSinceMs, queue, classes, starts } = this.#sources;
    this.#rates.sweep();
    const nowMs = clock();
    const since = aliveSinceMs();
    const known = this.#leases;
    const rows = await store.transact((tx) => readRows(tx, known));
    const nodes = this.#nodesOf(rows, since);
    const waiting = queue.waiting.map(({ client, request, sinceMs, untilMs, reason, ...each }) => {
      const { workers, memoryBytes } = request;
      const inClass = classes.areNamed ? { class: each.class.name } : {};
      return { client, ...inClass, workers, memoryBytes, sinceMs, untilMs, reason: reason.message };
    });
    const totals = {
      ...totalsOf(nodes),
      waiting: queue.length,
      longestWaitMs: queue.longestWaitMs,
    };
    return { nowMs, totals, waiting, nodes, starts: starts.counts.columns(nowMs) };
  }

  /** Adds to the rows what the store does not have, and keeps the leases of the moment. */
  #nodesOf({ loads, leases }: ClusterRows, aliveSinceMs: number): NodeMoment[] {
    const seen = new Map<string, ShownLease>();
    const leaseOf = (part: AllocationRow): ShownLease | undefined => {
      const id = part.lease;
      let found = seen.get(id) ?? this.#leases.get(id) ?? this.#shown(leases.get(id));
      if (found?.start === null) found = this.#withStart(found, part);
      if (found !== undefined) seen.set(id, found);
      return found;
    };
    const nodes = loads.map(({ node, allocated, allocations }): NodeMoment => {
      const state = stateOf(node, aliveSinceMs);
      return {
        node: node.id,
        name: node.name,
        state,
        cores: node.cores,
        memoryBytes: node.memoryBytes,
        allocatedCores: allocated.workers,
        allocatedBytes: allocated.memoryBytes,
        sandbox: node.sandbox,
        epoch: node.epoch,
        drainMs: node.drainMs,
        lastSeenMs: state === "lost" ? node.lastSeenMs : null,
        executors: this.#sources.nodes.shown.executorsOf(node.id) ?? null,
        parts: allocations.flatMap((allocation) => {
          const { workers } = takenBy(allocation);
          if (workers === 0) return []; // a candidate without a reservation
          const lease = leaseOf(allocation);
          const usage = this.#rates.of(node.id, allocation.lease);
          return [{ ...usage, lease, workers, claimed: allocation.state === "claimed" }];
        }),
      };
    });
    this.#leases = seen;
    return nodes;
  }

  #shown(row: LeaseRow | undefined): ShownLease | undefined {
    if (row === undefined) return undefined;
    const { id, client, workers, memoryBytes, issuedMs } = row;
    const key = ++this.#lastKey;
    return { key, lease: id, client, workers, memoryBytes, issuedMs, start: null };
  }

  /** Adds the steps of the start, once a node has reported them. Of several nodes, the first one is shown. */
  #withStart(lease: ShownLease, part: AllocationRow): ShownLease {
    const { lease: id, issuedMs } = lease;
    const start = this.#sources.starts.stepsOf({ id, issuedMs }, part);
    return start === undefined ? lease : { ...lease, start };
  }
}

/** The rows of one moment. */
interface ClusterRows {
  readonly loads: readonly (NodeLoad & { readonly allocations: readonly AllocationRow[] })[];
  /** The leases that were not read before, as many as one update may read. */
  readonly leases: ReadonlyMap<string, LeaseRow>;
}

function readRows(tx: Transaction, known: ReadonlyMap<string, unknown>): ClusterRows {
  const loads = tx.nodeLoads().map(({ node, allocated }) => ({
    node,
    allocated,
    allocations: tx.liveAllocationsOn(node.id),
  }));
  const leases = new Map<string, LeaseRow>();
  for (const { allocations } of loads) {
    for (const { lease: id } of allocations) {
      if (known.has(id) || leases.has(id)) continue;
      if (leases.size >= MAX_NEW_SHOWN) return { loads, leases };
      const lease = tx.lease(id);
      if (lease !== undefined) leases.set(id, lease);
    }
  }
  return { loads, leases };
}

/** The sums over nodes that are not lost, and all leases, since those on a lost node go on. */
function totalsOf(nodes: readonly NodeMoment[]): Omit<ShownTotals, "waiting" | "longestWaitMs"> {
  const states = { up: 0, draining: 0, lost: 0 } satisfies Record<
    (typeof nodeStates)[number],
    number
  >;
  const sums = {
    cores: 0,
    allocatedCores: 0,
    computeCores: 0,
    pollCores: 0,
    calls: 0,
    memoryBytes: 0,
    allocatedBytes: 0,
    waitingExecutors: 0,
    pooledStarts: 0,
    coldStarts: 0,
  };
  const leases = new Set<ShownLease>();
  for (const node of nodes) {
    states[node.state]++;
    for (const { lease } of node.parts) if (lease !== undefined) leases.add(lease);
    if (node.state === "lost") continue;
    sums.cores += node.cores;
    sums.allocatedCores += node.allocatedCores;
    sums.memoryBytes += node.memoryBytes;
    sums.allocatedBytes += node.allocatedBytes;
    sums.waitingExecutors += node.executors?.waiting ?? 0;
    sums.pooledStarts += node.executors?.pooled ?? 0;
    sums.coldStarts += node.executors?.cold ?? 0;
    for (const { compute, poll, calls = 0 } of node.parts) {
      sums.computeCores += compute;
      sums.pollCores += poll;
      sums.calls += calls;
    }
  }
  return { ...sums, nodes: states, leases: leases.size };
}
