/** What the page holds of the cluster. */
import { StartCounts } from "./start_counts.js";

/** @typedef {import("../shown_cluster.ts").ShownChange} ShownChange */
/** @typedef {import("../shown_cluster.ts").ShownNode} ShownNode */
/** @typedef {import("../shown_cluster.ts").ShownLease} ShownLease */
/** @typedef {import("../shown_cluster.ts").ShownTotals} ShownTotals */
/** @typedef {{ lease: ShownLease | undefined, node: ShownNode, workers: number, claimed: boolean, compute: number, poll: number, calls: number }} Part */
/** @typedef {ShownLease & { endedMs: number }} EndedLease */
/** The totals at a time; `pooled` and `cold` are starts a second since the sample before. @typedef {{ atMs: number, compute: number, poll: number, allocated: number, leases: number, waiting: number, pooled: number, cold: number }} Sample */

/** The numbers of a part, one after the other: see ShownParts. */
const PART_NUMBERS = 6;
/** The most leases that are kept after their end. */
const MAX_ENDED = 500;
/** The most samples of the totals: one a second, for ten minutes. */
const MAX_SAMPLES = 600;

/** The cluster, as the stream has shown it so far. */
export class Cluster {
  /** @type {Map<string, ShownNode>} */
  #nodes = new Map();
  /** The ids of the nodes, by name. @type {string[]} */
  #order = [];
  /** @type {Map<number, ShownLease>} */
  leases = new Map();
  /** Leases that ended while the page was open, the last one first. @type {EndedLease[]} */
  ended = [];
  /** The totals of the last minutes, the oldest first. @type {Sample[]} */
  samples = [];
  /** @type {readonly (ShownLease & { endedMs?: number })[] | undefined} */
  #byGrant;
  /** @type {ShownTotals | undefined} */
  totals;
  /** @type {ShownChange["waiting"]} */
  waiting = [];
  /** How long leases took to start, of all clients. */
  starts = new StartCounts();
  /** The resource manager's clock. */
  nowMs = 0;
  /** By name. @type {readonly ShownNode[]} */
  nodes = [];
  /** The parts of each lease, by its key. @type {Map<number, Part[]> | undefined} */
  #parts;

  /** @param {ShownChange} change */
  apply(change) {
    this.#sample(change);
    if (change.whole) {
      this.#nodes.clear();
      this.leases.clear();
    }
    const before = this.#nodes.size;
    for (const id of change.goneNodes) this.#nodes.delete(id);
    for (const node of change.nodes) this.#nodes.set(node.node, node);
    for (const key of change.goneLeases) {
      const lease = this.leases.get(key);
      if (lease !== undefined) this.ended.unshift({ ...lease, endedMs: change.nowMs });
      this.leases.delete(key);
    }
    this.ended.length = Math.min(this.ended.length, MAX_ENDED);
    for (const lease of change.leases) this.leases.set(lease.key, lease);
    if (change.whole || change.goneNodes.length > 0 || this.#nodes.size !== before) {
      const all = [...this.#nodes.values()];
      this.#order = all.sort((a, b) => compareNames(a.name, b.name)).map(({ node }) => node);
    }
    if (change.whole || change.leases.length + change.goneLeases.length > 0) {
      this.#byGrant = undefined;
    }
    this.starts.apply(change);
    this.totals = change.totals;
    this.waiting = change.waiting;
    this.nowMs = change.nowMs;
    this.nodes = this.#order.flatMap((id) => this.#nodes.get(id) ?? []);
    this.#parts = undefined;
  }

  /** Running leases and those that have ended, the last granted first. */
  leasesByGrant() {
    return this.#byGrant ??= [...this.leases.values(), ...this.ended]
      .sort((a, b) => b.issuedMs - a.issuedMs);
  }

  /** Adds a sample of a change that is not applied yet. @param {ShownChange} change */
  #sample({ nowMs, totals, nodes }) {
    const seconds = nowMs > this.nowMs ? (nowMs - this.nowMs) / 1000 : 1;
    let [pooled, cold] = [0, 0];
    for (const { node, executors: now } of nodes) {
      const before = this.#nodes.get(node)?.executors;
      if (!before || now === null) continue;
      // A node that started again counts from zero.
      pooled += Math.max(0, now.pooled - before.pooled);
      cold += Math.max(0, now.cold - before.cold);
    }
    this.samples.push({
      atMs: nowMs,
      compute: totals.computeCores,
      poll: totals.pollCores,
      allocated: totals.allocatedCores,
      leases: totals.leases,
      waiting: totals.waiting,
      pooled: pooled / seconds,
      cold: cold / seconds,
    });
    if (this.samples.length > MAX_SAMPLES) this.samples.shift();
  }

  /** @param {string} id */
  node(id) {
    return this.#nodes.get(id);
  }

  /** @param {string} id @returns {ShownLease | undefined} */
  leaseNamed(id) {
    for (const lease of this.leases.values()) if (lease.lease === id) return lease;
    return undefined;
  }

  /** The parts of a lease. @param {number} key @returns {readonly Part[]} */
  partsOf(key) {
    this.#parts ??= this.#partsByLease();
    return this.#parts.get(key) ?? [];
  }

  /** The parts on a node. @param {ShownNode} node @returns {Part[]} */
  partsOn(node) {
    const parts = [];
    for (let at = 0; at < node.parts.length; at += PART_NUMBERS) {
      const [key = 0, workers = 0, claimed = 0, compute = 0, poll = 0, calls = -1] = node.parts
        .slice(at, at + PART_NUMBERS);
      const lease = this.leases.get(key);
      parts.push({ lease, node, workers, claimed: claimed === 1, compute, poll, calls });
    }
    return parts;
  }

  /** @returns {Map<number, Part[]>} */
  #partsByLease() {
    const found = new Map();
    for (const node of this.nodes) {
      for (const part of this.partsOn(node)) {
        if (part.lease === undefined) continue;
        const { key } = part.lease;
        const parts = found.get(key);
        if (parts === undefined) found.set(key, [part]);
        else parts.push(part);
      }
    }
    return found;
  }
}

/** Names with numbers in them, in the order of the numbers. */
const { compare: compareNames } = new Intl.Collator("en", { numeric: true });

/**
 * The cores in use of some parts, and their calls a second.
 *
 * @param {readonly Part[]} parts
 * @returns {{ compute: number, poll: number, calls: number }}
 */
export function usageOf(parts) {
  let [compute, poll, calls] = [0, 0, 0];
  for (const part of parts) {
    compute += part.compute / 100 * part.workers;
    poll += part.poll / 100 * part.workers;
    calls += Math.max(0, part.calls);
  }
  return { compute, poll, calls };
}
