/** Which nodes a lease is offered, by a policy that is chosen by name. */
import { memoryShare } from "../../runtime/grant/grant.ts";
import { candidatesPerLease, heartbeatMs, maxOffers, missedHeartbeats } from "./policy.ts";
import type { NodeLoad, NodeRow, Taken, Transaction } from "./store.ts";

/** Chooses at most `count` nodes of those that have room, the best first. */
type Policy = (fitting: NodeLoad[], count: number) => NodeLoad[];

const policies = {
  /** The emptiest first: leases share caches and memory bandwidth with as few others as can be. */
  spread: (fitting, count) => firstOf(fitting, count, (a, b) => freeCores(b) - freeCores(a)),
  /** The fullest that has room first: whole nodes stay free for large leases, or for their owner. */
  pack: (fitting, count) => firstOf(fitting, count, (a, b) => freeCores(a) - freeCores(b)),
  /** The emptier of two drawn at random: nearly as even as `spread`, and no node is everybody's first choice. */
  "random-of-two": (fitting, count) => {
    const chosen: NodeLoad[] = [];
    while (chosen.length < count && fitting.length > 0) {
      const [a, b] = [randomIndex(fitting), randomIndex(fitting)];
      const at = freeCores(fitting[a]!) >= freeCores(fitting[b]!) ? a : b;
      chosen.push(fitting[at]!);
      fitting[at] = fitting.at(-1)!;
      fitting.pop();
    }
    return chosen;
  },
} satisfies Record<string, Policy>;

/** A policy's name. */
export type Placement = keyof typeof policies;

/** The names, the default first. */
export const placementNames = Object.keys(policies) as [Placement, ...Placement[]];

/** @throws {TypeError} that lists the names if it is none of them. */
export function checkPlacement(name: string): Placement {
  if (Object.hasOwn(policies, name)) return name as Placement;
  const names = placementNames.join(", ");
  throw new TypeError(`Cannot place leases by "${name}": there are ${names}`);
}

/** Whether the node beats. A lost one takes no new leases until it beats again. */
export function isUp(node: NodeRow, nowMs: number): boolean {
  return nowMs - node.lastSeenMs <= missedHeartbeats * heartbeatMs;
}

/** What is left of a node. */
export function freeOn(tx: Transaction, node: NodeRow): Taken {
  return left({ node, taken: tx.takenOn(node.id) });
}

function left({ node, taken }: NodeLoad): Taken {
  return {
    workers: Math.max(0, node.cores - taken.workers),
    memoryBytes: Math.max(0, node.memoryBytes - taken.memoryBytes),
  };
}

/** A node that a lease is offered, and how much of the lease. */
export interface Offer extends Taken {
  readonly node: NodeRow;
}

/**
 * Nodes that can take all of it, the best by the policy first, at most {@linkcode candidatesPerLease}. If there is none,
 * nodes that can take it together, with some to spare.
 *
 * @param owed what is asked for by those who wait and come first: nodes may be kept for them.
 */
export function chooseCandidates(
  tx: Transaction,
  asked: Taken,
  nowMs: number,
  placement: Placement,
  owed: readonly Taken[] = [],
): Offer[] {
  const kept = keptFor(tx, owed, nowMs);
  const lending = tx.nodeLoads().filter(({ node }) => lends(node, nowMs) && !kept.has(node.id));
  const fitting = lending.filter(({ node, taken }) =>
    node.cores - taken.workers >= asked.workers &&
    node.memoryBytes - taken.memoryBytes >= asked.memoryBytes
  );
  if (fitting.length === 0) return split(lending, asked);
  const { workers, memoryBytes } = asked;
  return policies[placement](fitting, candidatesPerLease)
    .map(({ node }) => ({ node, workers, memoryBytes }));
}

/**
 * The nodes that can take most first, whatever the policy: the fewer parts a lease has, the less of it is lost with a
 * node. To spare is what one refusal may cost: the workers of the node that refuses, and those that the last one asked
 * could have had, since its grant is used up by then.
 */
function split(lending: readonly NodeLoad[], asked: Taken): Offer[] {
  const most = firstOf(
    lending.flatMap((load): Offer[] => {
      const workers = shareOf(asked, left(load));
      if (workers === 0) return [];
      return [{ node: load.node, workers, memoryBytes: memoryOf(asked, workers) }];
    }),
    maxOffers,
    (a, b) => b.workers - a.workers,
  );
  const enough = asked.workers + 2 * (most[0]?.workers ?? 0) - 1;
  const offers: Offer[] = [];
  let workers = 0;
  for (const offer of most) {
    if (workers >= enough) break;
    offers.push(offer);
    workers += offer.workers;
  }
  return workers >= asked.workers ? offers : [];
}

/** How many of the workers that are asked for have room, each with its share of the memory. */
function shareOf(asked: Taken, room: Taken): number {
  const each = memoryOf(asked, 1);
  const byMemory = each === 0 ? Infinity : Math.floor(room.memoryBytes / each);
  return Math.min(asked.workers, room.workers, byMemory);
}

function memoryOf(asked: Taken, workers: number): number {
  return memoryShare(asked.memoryBytes, workers, asked.workers);
}

/**
 * The nodes that are kept for the first of those who must not be passed any more: of the nodes that are large enough the
 * one that is the nearest to having room; where none is, as many as are large enough together, the nearest first. As
 * nobody else gets anything there, they stay the nearest. No more, so that the others go on; none for who asks for more
 * than all nodes have, since that would help nobody.
 */
function keptFor(tx: Transaction, owed: readonly Taken[], nowMs: number): ReadonlySet<string> {
  for (const asked of owed) {
    const nearest = tx.nodeLoads().filter(({ node }) => lends(node, nowMs))
      .sort((a, b) => freeCores(b) - freeCores(a));
    const whole = nearest.find(({ node }) => fits(asked, node));
    if (whole !== undefined) return new Set([whole.node.id]);
    const kept = new Set<string>();
    let workers = 0;
    for (const { node } of nearest) {
      const share = shareOf(asked, { workers: node.cores, memoryBytes: node.memoryBytes });
      if (share === 0) continue;
      kept.add(node.id);
      workers += share;
      if (workers >= asked.workers) return kept;
    }
  }
  return new Set();
}

function fits(asked: Taken, node: NodeRow): boolean {
  return node.cores >= asked.workers && node.memoryBytes >= asked.memoryBytes;
}

/** Whether it is offered new leases. */
export function lends(node: NodeRow, nowMs: number): boolean {
  return isUp(node, nowMs) && node.drainMs === null;
}

function freeCores({ node, taken }: NodeLoad): number {
  return node.cores - taken.workers;
}

function randomIndex(list: readonly unknown[]): number {
  return Math.floor(Math.random() * list.length);
}

/** The first of a list by an order, without sorting all of it: there may be thousands of nodes. */
function firstOf<T>(list: readonly T[], count: number, order: (a: T, b: T) => number): T[] {
  const first: T[] = [];
  for (const item of list) {
    if (first.length === count && order(item, first[count - 1]!) >= 0) continue;
    const at = first.findIndex((other) => order(item, other) < 0);
    first.splice(at < 0 ? first.length : at, 0, item);
    if (first.length > count) first.pop();
  }
  return first;
}
