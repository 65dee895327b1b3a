/** Which nodes a lease is offered, by a policy that is chosen by name. */
import { candidatesPerLease, heartbeatMs, missedHeartbeats } from "./policy.ts";
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
  const taken = tx.takenOn(node.id);
  return {
    workers: Math.max(0, node.cores - taken.workers),
    memoryBytes: Math.max(0, node.memoryBytes - taken.memoryBytes),
  };
}

/**
 * Nodes that can take all of it, the best by the policy first, at most {@linkcode candidatesPerLease}.
 *
 * @param owed what is asked for by those who wait and come first: a node may be kept for them.
 */
export function chooseCandidates(
  tx: Transaction,
  asked: Taken,
  nowMs: number,
  placement: Placement,
  owed: readonly Taken[] = [],
): NodeRow[] {
  const kept = keptFor(tx, owed, nowMs);
  const fitting = tx.nodeLoads().filter(({ node, taken }) =>
    lends(node, nowMs) && node.cores - taken.workers >= asked.workers &&
    node.memoryBytes - taken.memoryBytes >= asked.memoryBytes && node.id !== kept
  );
  return policies[placement](fitting, candidatesPerLease).map(({ node }) => node);
}

/**
 * The node that is kept for the first of those who must not be passed any more: of the nodes that are large enough the
 * one that is the nearest to having room. As nobody else gets anything there, it stays the nearest. One node, so that
 * the others go on; none for who asks for more than any node has, since that would help nobody.
 */
function keptFor(tx: Transaction, owed: readonly Taken[], nowMs: number): string | undefined {
  for (const { workers, memoryBytes } of owed) {
    const enough = tx.nodeLoads().filter(({ node }) =>
      lends(node, nowMs) && node.cores >= workers && node.memoryBytes >= memoryBytes
    );
    const [nearest] = firstOf(enough, 1, (a, b) => freeCores(b) - freeCores(a));
    if (nearest !== undefined) return nearest.node.id;
  }
  return undefined;
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
