/** The cluster as the stream has shown it so far. */

import type {
  ShownLease,
  ShownNode,
  ShownTotals,
  ShownWaiting,
} from "../../manager/resource/ui/shown_cluster.ts";
import { PART_NUMBERS, type TopChange } from "./shown_schema.ts";

/** What nodes and leases use. A client's token shows what its own leases use of a node. */
export interface Used {
  /** Cores in which functions compute. */
  computeCores: number;
  /** Cores in which workers poll for calls. */
  pollCores: number;
  /** Calls a second; null while they are not known. */
  calls: number | null;
}

/** A node. */
export interface NodeLine extends Omit<ShownNode, "parts">, Readonly<Used> {
  /** The leases that the token may see. */
  readonly leases: number;
  /** The workers of these leases on the node. */
  readonly workers: number;
}

/** A running lease. */
export interface LeaseLine extends Omit<ShownLease, "key">, Readonly<Used> {
  /** The names of the nodes that serve it. One in parentheses has its cores reserved. */
  readonly nodes: readonly string[];
}

/** All of it, as `--json` prints it. */
export interface ShownState {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  readonly totals: ShownTotals;
  readonly nodes: readonly NodeLine[];
  readonly leases: readonly LeaseLine[];
  readonly waiting: readonly ShownWaiting[];
}

/** Applies changes. */
export class ShownCluster {
  readonly #nodes = new Map<string, ShownNode>();
  readonly #leases = new Map<number, ShownLease>();
  #last: TopChange | undefined;

  apply(change: TopChange): void {
    if (change.whole) {
      this.#nodes.clear();
      this.#leases.clear();
    }
    for (const id of change.goneNodes) this.#nodes.delete(id);
    for (const node of change.nodes) this.#nodes.set(node.node, node);
    for (const key of change.goneLeases) this.#leases.delete(key);
    for (const lease of change.leases) this.#leases.set(lease.key, lease);
    this.#last = change;
  }

  /** Returns the cluster of the last change; undefined before the first. */
  state(): ShownState | undefined {
    if (this.#last === undefined) return undefined;
    const { nowMs, totals, waiting } = this.#last;
    const leases = new Map<number, Used & { nodes: string[] }>();
    const nodes = [...this.#nodes.values()].map(({ parts, ...node }): NodeLine => {
      const used = unused();
      let count = 0;
      let workers = 0;
      for (const part of partsOf(parts)) {
        const { key, isClaimed } = part;
        if (!this.#leases.has(key)) continue; // of other clients
        count++;
        workers += part.workers;
        add(used, part);
        const lease = leases.get(key) ?? { ...unused(), nodes: [] };
        leases.set(key, lease);
        add(lease, part);
        lease.nodes.push(isClaimed ? node.name : `(${node.name})`);
      }
      return { ...node, ...rounded(used), leases: count, workers };
    });
    return {
      nowMs,
      totals,
      nodes,
      leases: [...this.#leases].map(([id, { key: _, ...lease }]) => ({
        ...lease,
        ...rounded(leases.get(id) ?? unused()),
        nodes: leases.get(id)?.nodes ?? [],
      })),
      waiting,
    };
  }

  /** Whether the usage of each lease is known. */
  get isMeasured(): boolean {
    return this.#last !== undefined &&
      [...this.#nodes.values()].every(({ state, parts }) =>
        state === "lost" ||
        partsOf(parts).every(({ key, isClaimed, calls }) =>
          key === 0 || !isClaimed || calls !== null
        )
      );
  }
}

interface Part extends Used {
  readonly key: number;
  readonly isClaimed: boolean;
  readonly workers: number;
}

function partsOf(numbers: readonly number[]): Part[] {
  return Array.from({ length: numbers.length / PART_NUMBERS }, (_, i) => {
    const [key, workers, claimed, compute, poll, calls] = numbers.slice(
      i * PART_NUMBERS,
      (i + 1) * PART_NUMBERS,
    ) as [number, number, number, number, number, number];
    return {
      key,
      isClaimed: claimed === 1,
      workers,
      computeCores: compute * workers / 100,
      pollCores: poll * workers / 100,
      calls: calls < 0 ? null : calls,
    };
  });
}

const unused = (): Used => ({ computeCores: 0, pollCores: 0, calls: null });

function add(sum: Used, { computeCores, pollCores, calls }: Used): void {
  sum.computeCores += computeCores;
  sum.pollCores += pollCores;
  if (calls !== null) sum.calls = (sum.calls ?? 0) + calls;
}

/** The stream has hundredths of a part's cores. */
function rounded({ computeCores, pollCores, calls }: Used): Used {
  const hundredths = (cores: number) => Math.round(cores * 100) / 100;
  return { computeCores: hundredths(computeCores), pollCores: hundredths(pollCores), calls };
}
