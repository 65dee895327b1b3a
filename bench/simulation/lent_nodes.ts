/** Idle nodes of a batch system that are lent, and reclaimed before a job starts. */

import { percentile } from "./percentile.ts";

/** What a run depends on. All times are in seconds. */
export interface LendingOptions {
  readonly nodes: number;
  readonly cores: number;
  /** The nodes that leases would use if there were as many. */
  readonly demand: number;
  /** The mean time of a call; the times are exponential. */
  readonly callSeconds: number;
  /** The time that is counted. */
  readonly from: number;
  readonly to: number;
  readonly random: () => number;
}

/** From the end of a job to the first call on its node: the Epilog, a grant, and the start of an executor. */
const LEND_SECONDS = 1;
/** The grace period of `rfaas slurm reclaim`. */
const GRACE_SECONDS = 0.7;
/** From the Prolog to a free node without calls: the least and the most of what was measured (docs/operations/slurm-safety.md). */
const RECLAIM_SECONDS = [0.03, 0.07] as const;

interface Idle {
  readonly since: number;
  /** When it got a lease; undefined while it has none. */
  leasedSince: number | undefined;
}

/** What nodes are used for beside jobs: leased ones are idle, too. */
export type Use = "idle" | "leased";

/** The nodes of a cluster as the batch system and the leases use them. */
export class LentNodes {
  readonly #options: LendingOptions;
  /** The idle nodes, and of these those with and without a lease that can be lent. */
  readonly #idle = new Map<number, Idle>();
  readonly #leased = new Set<number>();
  readonly #free = new Set<number>();
  /** Nodes that will be lent, in the order of time. */
  #pending: { readonly at: number; readonly node: number }[] = [];
  readonly #delays: number[] = [];
  /** In node-seconds. */
  readonly uses: Record<Use, number> = { idle: 0, leased: 0 };
  /** Parts of leases that moved to other nodes, and those that ended since there was none. */
  moves = 0;
  ends = 0;
  cutCalls = 0;

  /** @param onUse called for each time of a node that was counted. */
  constructor(
    options: LendingOptions,
    readonly onUse: (use: Use, from: number, to: number) => void = () => {},
  ) {
    this.#options = options;
    this.ended(0, Array.from({ length: options.nodes }, (_, node) => node));
  }

  /** A job has ended on these nodes. */
  ended(at: number, nodes: readonly number[]): void {
    this.#lend(at);
    for (const node of nodes) {
      this.#idle.set(node, { since: at, leasedSince: undefined });
      this.#pending.push({ at: at + LEND_SECONDS, node });
    }
  }

  /** A job gets these nodes. It starts when all of them are free. */
  started(at: number, nodes: readonly number[]): void {
    this.#lend(at);
    const leased = this.#leased.size;
    const delays = nodes.map((node) => this.#reclaim(at, node));
    const lost = leased - this.#leased.size;
    this.#pending = this.#pending.filter(({ node }) => this.#idle.has(node));
    const left = this.#leased.size;
    this.#take(at);
    if (!this.#isCounted(at)) return;
    this.#delays.push(Math.max(...delays));
    const moved = Math.min(lost, this.#leased.size - left);
    this.moves += moved;
    this.ends += lost - moved;
  }

  /** Counts what is still idle. */
  finish(at: number): void {
    this.#lend(at);
    for (const node of [...this.#idle.keys()]) this.#count(at, node);
  }

  /** A share of the jobs was delayed by no more than this. */
  delay(share: number): number {
    return percentile(this.#delays, share);
  }

  get calls(): number {
    return this.uses.leased * this.#options.cores / this.#options.callSeconds;
  }

  #lend(at: number): void {
    while (this.#pending.length > 0 && this.#pending[0]!.at <= at) {
      const { at: lentAt, node } = this.#pending.shift()!;
      this.#free.add(node);
      this.#take(lentAt);
    }
  }

  /** Leases take nodes that are free, as long as they need more. */
  #take(at: number): void {
    for (const node of this.#free) {
      if (this.#leased.size >= this.#options.demand) return;
      this.#free.delete(node);
      this.#leased.add(node);
      this.#idle.get(node)!.leasedSince = at;
    }
  }

  /** Takes a node from its leases. @returns how long that takes. */
  #reclaim(at: number, node: number): number {
    const { random, cores, callSeconds } = this.#options;
    const isLeased = this.#leased.delete(node);
    const isLent = this.#free.delete(node) || isLeased;
    this.#count(at, node);
    if (!isLent) return 0;
    const [least, most] = RECLAIM_SECONDS;
    const seconds = least + random() * (most - least);
    if (!isLeased) return seconds;
    let longest = 0;
    for (let core = 0; core < cores; core++) {
      const left = -callSeconds * Math.log(1 - random());
      if (left > GRACE_SECONDS && this.#isCounted(at)) this.cutCalls++;
      longest = Math.max(longest, left);
    }
    return seconds + Math.min(GRACE_SECONDS, longest);
  }

  #count(at: number, node: number): void {
    const { since, leasedSince } = this.#idle.get(node)!;
    this.#idle.delete(node);
    this.#add("idle", since, at);
    if (leasedSince !== undefined) this.#add("leased", leasedSince, at);
  }

  #add(use: Use, since: number, until: number): void {
    const from = Math.max(since, this.#options.from);
    const to = Math.min(until, this.#options.to);
    if (to <= from) return;
    this.uses[use] += to - from;
    this.onUse(use, from, to);
  }

  #isCounted(at: number): boolean {
    return at >= this.#options.from && at < this.#options.to;
  }
}
