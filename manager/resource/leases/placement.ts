/** The policies that order the nodes which can serve a lease. */
import { CANDIDATES_PER_LEASE } from "../policy.ts";
import type { NodeLoad, Transaction } from "../store/store.ts";
import { freeCores } from "../store/free_order.ts";

/** The nodes to choose from. */
export interface Choosable {
  readonly nodes: Pick<Transaction, "nodeLoads" | "nodesByFreeCores">;
  /** Whether the lease fits on a node. */
  readonly fits: (load: NodeLoad) => boolean;
  /** How many workers it has: no node with fewer free cores fits. */
  readonly workers: number;
}

/**
 * Chooses at most `count` of the nodes that fit, the best first.
 *
 * @param draws random numbers, as many as {@linkcode drawFor} returns for the policy.
 */
type Policy = (from: Choosable, count: number, draws: readonly number[]) => NodeLoad[];

const POLICIES = {
  /** The most free cores first: a lease shares caches and memory bandwidth with as few others as possible. */
  spread: ({ nodes, fits, workers }, count) => {
    const chosen: NodeLoad[] = [];
    for (const load of nodes.nodesByFreeCores()) {
      if (chosen.length === count || freeCores(load) < workers) break;
      if (fits(load)) chosen.push(load);
    }
    return chosen;
  },
  /** The fewest free cores first: whole nodes stay free for large leases, or for their owners. */
  pack: ({ nodes, fits }, count) =>
    firstOf(nodes.nodeLoads().filter(fits), count, (a, b) => freeCores(a) - freeCores(b)),
  /** The emptier of two random nodes: nearly as even as `spread`, and requests do not all choose the same node. */
  "random-of-two": ({ nodes, fits }, count, draws) => {
    const fitting = nodes.nodeLoads().filter(fits);
    const chosen: NodeLoad[] = [];
    while (chosen.length < count && fitting.length > 0) {
      const draw = (at: number) => Math.floor(draws[2 * chosen.length + at]! * fitting.length);
      const [a, b] = [draw(0), draw(1)];
      const at = freeCores(fitting[a]!) >= freeCores(fitting[b]!) ? a : b;
      chosen.push(fitting[at]!);
      fitting[at] = fitting.at(-1)!;
      fitting.pop();
    }
    return chosen;
  },
} satisfies Record<string, Policy>;

/** The name of a policy. */
export type Placement = keyof typeof POLICIES;

/** The names of all policies. The first is the default. */
export const placementNames = Object.keys(POLICIES) as [Placement, ...Placement[]];

/** @throws {TypeError} with the list of names, if there is no policy of this name. */
export function checkPlacement(name: string): Placement {
  if (Object.hasOwn(POLICIES, name)) return name as Placement;
  const names = placementNames.join(", ");
  throw new TypeError(`Cannot place leases by "${name}": known policies are ${names}`);
}

/** The random numbers for one choice. They are drawn outside of the store change, which must be pure. */
export function drawFor(placement: Placement): readonly number[] {
  const count = placement === "random-of-two" ? 2 * CANDIDATES_PER_LEASE : 0;
  return Array.from({ length: count }, Math.random);
}

/** Chooses nodes by the policy of this name. */
export function place(placement: Placement, ...choice: Parameters<Policy>): NodeLoad[] {
  return POLICIES[placement](...choice);
}

/** The first items by an order, without a sort of the whole list, which may hold thousands of nodes. */
export function firstOf<T>(
  list: readonly T[],
  count: number,
  order: (a: T, b: T) => number,
): T[] {
  const first: T[] = [];
  for (const item of list) {
    if (first.length === count && order(item, first[count - 1]!) >= 0) continue;
    const at = first.findIndex((other) => order(item, other) < 0);
    first.splice(at < 0 ? first.length : at, 0, item);
    if (first.length > count) first.pop();
  }
  return first;
}
