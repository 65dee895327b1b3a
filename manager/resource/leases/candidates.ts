/** The nodes that a new lease is offered. */
import { memoryShare } from "../../../runtime/grant/memory_share.ts";
import type { NodeObstacle } from "../../../runtime/http/queue_api.ts";
import { CANDIDATES_PER_LEASE, MAX_OFFERS } from "../policy.ts";
import { freeCores } from "../store/free_order.ts";
import type { NodeLoad, NodeRow, Resources, Transaction } from "../store/store.ts";
import { freeOf, isLargeEnough, isLending, stateOf } from "./node_capacity.ts";
import { firstOf, place, type Placement } from "./placement.ts";

/** What a reservation of nodes depends on besides the rows. */
export interface ReservationOptions {
  /** A node without a heartbeat since this time is lost. */
  readonly aliveSinceMs: number;
  /** The waiting requests that must not be passed. Nodes may be reserved for them. */
  readonly starving: readonly Starving[];
  /** The nodes that leases leave for any request. */
  readonly awaited: Pick<ReadonlySet<string>, "has">;
}

/** What a choice depends on besides the rows. */
export interface ChoiceOptions extends ReservationOptions {
  readonly placement: Placement;
  /** The random numbers of the placement: {@linkcode drawFor}. */
  readonly draws: readonly number[];
  /** The nodes that have just refused the client. */
  readonly avoid: ReadonlySet<string>;
  /** Whether cores are kept free until the client has claimed them. */
  readonly reserves: boolean;
}

/** A waiting request that must not be passed. */
export interface Starving extends Resources {
  /** The node that other leases leave for it; missing: those that are best for it are reserved. */
  readonly node?: string;
}

/** A node that is offered to a lease, with the part of the lease that it may serve. */
export interface Offer extends Resources {
  readonly node: NodeRow;
  /** The workers that are reserved for the lease: together as many as it has, or none. */
  readonly reservedWorkers: number;
}

/**
 * Chooses nodes that can each serve the whole lease, at most {@linkcode CANDIDATES_PER_LEASE}, the best by the placement
 * first. If there is none, chooses nodes that can serve it together, with some to spare.
 *
 * The cores of the lease are reserved on the first nodes only. The others may get other leases meanwhile: each node
 * decides when the lease is claimed there.
 */
export function chooseCandidates(
  tx: Transaction,
  request: Resources,
  options: ChoiceOptions,
): Offer[] {
  let left = options.reserves ? request.workers : 0;
  return choose(tx, request, options).map((offer) => {
    const reservedWorkers = Math.min(left, offer.workers);
    left -= reservedWorkers;
    return { ...offer, reservedWorkers };
  });
}

/** Why a request got no offer. */
export interface Shortage {
  /** How many nodes there are that each obstacle applies to. A node counts once, by the first one. */
  readonly nodes: Readonly<Record<NodeObstacle, number>>;
  /** Whether the nodes that lend could serve the request if they served nothing else. */
  readonly fitsEmpty: boolean;
}

/** States why {@linkcode chooseCandidates} has just found no offer: by the same checks of each node. */
export function shortageOf(
  tx: Transaction,
  request: Resources,
  options: ChoiceOptions,
): Shortage {
  const { aliveSinceMs } = options;
  const reserved = reservedNodes(tx, options);
  const nodes = { lost: 0, draining: 0, reserved: 0, avoided: 0, lacksCores: 0, lacksMemory: 0 };
  const lending: NodeLoad[] = [];
  for (const load of tx.nodeLoads()) {
    const obstacle = closedBy(load.node, options, reserved) ?? lackOf(load, request);
    if (obstacle !== undefined) nodes[obstacle]++;
    if (isLending(load.node, aliveSinceMs)) lending.push(load);
  }
  return { nodes, fitsEmpty: nodesFor(request, lending) !== undefined };
}

/** What keeps a node from being offered to a request, whatever its size; undefined if nothing does. */
function closedBy(
  node: NodeRow,
  { aliveSinceMs, avoid }: ChoiceOptions,
  reserved: ReadonlySet<string>,
): "lost" | "draining" | "reserved" | "avoided" | undefined {
  const state = stateOf(node, aliveSinceMs);
  if (state !== "up") return state;
  if (reserved.has(node.id)) return "reserved";
  return avoid.has(node.id) ? "avoided" : undefined;
}

/** What a node has too little of to serve a request whole; undefined if it has enough. */
function lackOf(
  { node, allocated }: NodeLoad,
  request: Resources,
): "lacksCores" | "lacksMemory" | undefined {
  if (node.cores - allocated.workers < request.workers) return "lacksCores";
  const freeBytes = node.memoryBytes - allocated.memoryBytes;
  return freeBytes < request.memoryBytes ? "lacksMemory" : undefined;
}

/** An offer before anything is reserved. */
type Choice = Omit<Offer, "reservedWorkers">;

function choose(tx: Transaction, request: Resources, options: ChoiceOptions): Choice[] {
  const { placement, draws } = options;
  const reserved = reservedNodes(tx, options);
  const isOpen = ({ node }: NodeLoad) => closedBy(node, options, reserved) === undefined;
  const fits = (load: NodeLoad) => isOpen(load) && lackOf(load, request) === undefined;
  const { workers, memoryBytes } = request;
  const from = { nodes: tx, fits, workers };
  const chosen = place(placement, from, CANDIDATES_PER_LEASE, draws);
  if (chosen.length === 0) return splitOffers(tx.nodeLoads().filter(isOpen), request);
  return chosen.map(({ node }) => ({ node, workers, memoryBytes }));
}

/**
 * Splits a lease over nodes. Whatever the placement, the nodes that can serve most come first: with fewer parts, the
 * lease loses less with a node. The surplus covers one refusal. It costs the workers of the node that refuses, and those
 * that the last claimed node could have served in addition, since its grant is used up by then.
 */
function splitOffers(lending: readonly NodeLoad[], request: Resources): Choice[] {
  const largest = firstOf(
    lending.flatMap((load): Choice[] => {
      const workers = shareOf(request, freeOf(load));
      if (workers === 0) return [];
      return [{ node: load.node, workers, memoryBytes: memoryOf(request, workers) }];
    }),
    MAX_OFFERS,
    (a, b) => b.workers - a.workers,
  );
  const enough = request.workers + 2 * (largest[0]?.workers ?? 0) - 1;
  const offers: Choice[] = [];
  let workers = 0;
  for (const offer of largest) {
    if (workers >= enough) break;
    offers.push(offer);
    workers += offer.workers;
  }
  return workers >= request.workers ? offers : [];
}

/** The number of requested workers that fit into a capacity, each with its share of the memory. */
function shareOf(request: Resources, capacity: Resources): number {
  const each = memoryOf(request, 1);
  const byMemory = each === 0 ? Infinity : Math.floor(capacity.memoryBytes / each);
  return Math.min(request.workers, capacity.workers, byMemory);
}

function memoryOf(request: Resources, workers: number): number {
  return memoryShare(request.memoryBytes, workers, request.workers);
}

/**
 * The nodes that are reserved: those that leases leave for requests of higher classes, and those for the first starving
 * request that all nodes together could serve.
 *
 * Of the nodes that are large enough for it, this is the one with the most free cores. If no node is large enough, these
 * are as many as are together, those with the most free cores first. Nodes that leases leave for other requests come last.
 * As no other request gets anything there, the choice stays the same. All other nodes go on lending.
 */
export function reservedNodes(
  tx: Transaction,
  { starving, aliveSinceMs, awaited }: ReservationOptions,
): ReadonlySet<string> {
  const reserved = new Set(starving.flatMap(({ node }) => node ?? []));
  for (const request of starving) {
    if (request.node !== undefined) continue;
    const emptiest = tx.nodeLoads().filter(({ node }) => isLending(node, aliveSinceMs))
      .sort((a, b) =>
        Number(awaited.has(a.node.id)) - Number(awaited.has(b.node.id)) ||
        freeCores(b) - freeCores(a)
      );
    const found = nodesFor(request, emptiest);
    if (found !== undefined) return reserved.union(found);
  }
  return reserved;
}

/** The first node that could serve a request, or else the first ones that could together, if they served nothing else. */
function nodesFor(
  request: Resources,
  loads: readonly NodeLoad[],
): ReadonlySet<string> | undefined {
  const whole = loads.find(({ node }) => isLargeEnough(node, request));
  if (whole !== undefined) return new Set([whole.node.id]);
  const together = new Set<string>();
  let workers = 0;
  for (const { node } of loads) {
    const share = shareOf(request, { workers: node.cores, memoryBytes: node.memoryBytes });
    if (share === 0) continue;
    together.add(node.id);
    workers += share;
    if (workers >= request.workers) return together;
  }
  return undefined;
}
