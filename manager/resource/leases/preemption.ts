/** Which leases have to leave a node, so that a request of a higher class is served there. */
import {
  type AllocationRow,
  type NodeLoad,
  type NodeRow,
  type Resources,
  takenBy,
  type Transaction,
} from "../store/store.ts";
import { isLargeEnough, isLending } from "./node_capacity.ts";

/** Leases that leave a node already. */
export interface Leaving {
  readonly node: string;
  /** The request that is to be served there. */
  readonly request: Resources;
  readonly leases: ReadonlySet<string>;
  /** The workers that they have there, together. */
  readonly workers: number;
}

/** What a choice depends on besides the rows. */
export interface PreemptionOptions {
  /** A node without a heartbeat since this time is lost. */
  readonly aliveSinceMs: number;
  /** The nodes that have just refused the client, or are reserved for requests before it. */
  readonly avoid: ReadonlySet<string>;
  /** Returns the priority of a client's leases; undefined if they may not be preempted. */
  readonly priorityOf: (client: string) => number | undefined;
  /** The lowest priority that it returns. */
  readonly lowestPriority: number;
  /** Returns the leases that leave a node already. */
  readonly leavingFrom: (node: string) => readonly Leaving[];
}

/** A node with the leases that have to leave it. */
export interface Preemption {
  readonly node: NodeRow;
  /** None, if leases that leave already are enough. */
  readonly leases: readonly string[];
}

/** A part of a lease that may be preempted. */
interface Victim {
  readonly allocation: AllocationRow;
  readonly priority: number;
}

/**
 * Chooses a node that serves the whole request once some leases have left it: of lower priorities first, and of these
 * the ones that were claimed last. No lease leaves that need not, and of all nodes that one is chosen whose leases have
 * the lowest priority, then the fewest workers.
 *
 * @returns undefined if there is no such node.
 */
export function choosePreemption(
  tx: Transaction,
  request: Resources,
  { aliveSinceMs, avoid, priorityOf, lowestPriority, leavingFrom }: PreemptionOptions,
): Preemption | undefined {
  const open = tx.nodeLoads()
    .filter(({ node }) => isLending(node, aliveSinceMs) && !avoid.has(node.id))
    .filter(({ node }) => isLargeEnough(node, request));
  // No node has to give up fewer workers: a search among the leases of all nodes takes some 100 times as long.
  const least = open.reduce(
    (least, load) => Math.min(least, missingOn(load, request, leavingFrom(load.node.id))),
    Infinity,
  );
  let best: Preemption & { priority: number; workers: number } | undefined;
  for (const { node } of open) {
    const chosen = chooseOn(tx, node, request, leavingFrom(node.id), priorityOf);
    if (chosen === undefined) continue;
    const priority = Math.max(-Infinity, ...chosen.map((each) => each.priority));
    const workers = sumOf(chosen.map(({ allocation }) => allocation)).workers;
    if (
      best !== undefined &&
      (priority > best.priority || (priority === best.priority && workers >= best.workers))
    ) continue;
    best = { node, leases: chosen.map(({ allocation }) => allocation.lease), priority, workers };
    if (priority <= lowestPriority && workers <= least) break;
  }
  return best && { node: best.node, leases: best.leases };
}

/** The least workers that leases have to give up on a node, besides those that leave it already. */
function missingOn(
  { node, allocated }: NodeLoad,
  request: Resources,
  leaving: readonly Leaving[],
): number {
  const promised = leaving.reduce((sum, each) => sum + each.request.workers, 0);
  const freed = leaving.reduce((sum, { workers }) => sum + workers, 0);
  return Math.max(0, allocated.workers - freed + promised + request.workers - node.cores);
}

/** Whether all requests for which leases leave a node can be served there once these leases have left it. */
export function suffices(
  tx: Transaction,
  id: string,
  leaving: readonly Leaving[],
  aliveSinceMs: number,
): boolean {
  const node = tx.node(id);
  if (node === undefined || !isLending(node, aliveSinceMs)) return false;
  const { workers, memoryBytes } = sumOf([
    ...stayingOn(tx, node, leaving).map(takenBy),
    ...leaving.map(({ request }) => request),
  ]);
  return workers <= node.cores && memoryBytes <= node.memoryBytes;
}

function stayingOn(tx: Transaction, { id }: NodeRow, leaving: readonly Leaving[]) {
  return tx.liveAllocationsOn(id)
    .filter(({ lease }) => !leaving.some(({ leases }) => leases.has(lease)));
}

/** The leases that have to leave one node; undefined if that does not suffice. */
function chooseOn(
  tx: Transaction,
  node: NodeRow,
  request: Resources,
  leaving: readonly Leaving[],
  priorityOf: PreemptionOptions["priorityOf"],
): Victim[] | undefined {
  const staying = stayingOn(tx, node, leaving);
  const promised = sumOf(leaving.map((each) => each.request));
  const taken = sumOf(staying.map(takenBy));
  /** What is missing if these leave too. */
  const fits = (left: readonly Victim[]): boolean => {
    const freed = sumOf(left.map(({ allocation }) => allocation));
    return taken.workers + promised.workers + request.workers - freed.workers <= node.cores &&
      taken.memoryBytes + promised.memoryBytes + request.memoryBytes - freed.memoryBytes <=
        node.memoryBytes;
  };
  const victims = staying.flatMap((allocation): Victim[] => {
    const client = allocation.state === "claimed" ? tx.clientOf(allocation.lease) : undefined;
    const priority = client === undefined ? undefined : priorityOf(client);
    return priority === undefined ? [] : [{ allocation, priority }];
  }).sort(byPriorityThenYouth);
  if (!fits(victims)) return undefined;
  const chosen: Victim[] = [];
  for (const victim of victims) {
    if (fits(chosen)) break;
    chosen.push(victim);
  }
  // A later one may be enough without earlier ones. Those of the highest priority stay first.
  for (const victim of chosen.toReversed()) {
    const others = chosen.filter((other) => other !== victim);
    if (fits(others)) chosen.splice(chosen.indexOf(victim), 1);
  }
  return chosen;
}

function byPriorityThenYouth(a: Victim, b: Victim): number {
  return a.priority - b.priority ||
    (b.allocation.claimedMs ?? 0) - (a.allocation.claimedMs ?? 0) ||
    (a.allocation.lease < b.allocation.lease ? -1 : 1);
}

function sumOf(all: readonly Resources[]): Resources {
  return {
    workers: all.reduce((sum, { workers }) => sum + workers, 0),
    memoryBytes: all.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  };
}
