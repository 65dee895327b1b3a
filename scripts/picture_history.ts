/** What has happened in the cluster that the pictures of the dashboard show: an hour of starts, and events. */
import { ManagerClient } from "../runtime/http/manager_client.ts";
import type {
  SimulatedCluster,
  SimulatedNode,
} from "../tests/support/manager/simulated_cluster.ts";
import type { SimulatedStarts } from "../tests/support/manager/simulated_starts.ts";

const MINUTES = 60;
/** Minutes ago: a package that all nodes had to load for the first time, and clients that came with it. */
const [RUSH_FROM, RUSH_TO] = [20, 26];
const TERM_MS = 3_600_000;
/** A client that has a quota, and no leases of before. */
const NEW_CLIENT = "margaret";

/** Starts of the last hour: most are pooled and take some milliseconds; in a rush, the pool is empty. */
export function hourOfStarts(): SimulatedStarts[] {
  const random = numbersFrom(7);
  const skewed = (most: number) => Math.exp(random() * random() * Math.log(most));
  return Array.from({ length: MINUTES }, (_, minutesAgo): SimulatedStarts[] => {
    const isRush = minutesAgo >= RUSH_FROM && minutesAgo < RUSH_TO;
    const usual = 6 + Math.round(5 * Math.sin(minutesAgo / 9));
    const starts = (count: number, kind: "pooled" | "cold", leastMs: number, factor: number) =>
      Array.from({ length: count }, () => ({
        minutesAgo,
        kind,
        durationMs: Math.round(leastMs * skewed(factor)),
        leases: 1 + Math.floor(2 * random()),
      }));
    return [
      ...starts(isRush ? 90 : usual, "pooled", 4, 9),
      ...starts(isRush ? 14 : Math.ceil(usual / 4), "cold", isRush ? 900 : 130, 20),
    ];
  }).flat();
}

/** Makes clients that take, lose and release leases, and some whose requests are refused. */
export async function makeEvents(cluster: SimulatedCluster, clients: readonly string[]) {
  const { url, nodes } = cluster;
  using operator = new ManagerClient({ url, token: cluster.token("operator") });
  using node = new ManagerClient({ url, token: cluster.token("node") });
  for (const [at, name] of [...clients, NEW_CLIENT].entries()) {
    const isNew = name === NEW_CLIENT;
    const quota = isNew ? { quota: { workers: 16 } } : {};
    const { token } = await operator.createToken({ role: "client", name, ...quota });
    using client = new ManagerClient({ url, token });
    const take = (workers: number) =>
      client.takeLease({ workers, memoryBytes: workers * 2 ** 28, termMs: TERM_MS });
    for (const workers of [1 + at % 3, 2]) {
      const { lease, grants: [grant] } = await take(workers);
      if (grant === undefined) continue;
      await node.reportLease(grant.node, lease, { epoch: 1, state: "claimed", workers });
      if (at !== 1) await client.releaseLease(lease);
      else await loseExecutor(cluster, nodes.find(({ id }) => id === grant.node)!, lease, workers);
    }
    for (let n = 2; n < 4 * at; n++) await take(isNew ? 20 : 600).catch(() => {}); // refused
  }
}

async function loseExecutor(
  cluster: SimulatedCluster,
  { id, leases }: SimulatedNode,
  lease: string,
  workers: number,
): Promise<void> {
  leases.set(lease, workers);
  await cluster.heartbeat(id, {
    leases: [...leases].map(([lease, workers]) => ({ lease, workers })),
    executorEnds: [{
      lease,
      worker: 0,
      generation: 1,
      reason: "limit: memory: the executor exceeded 256 MiB",
    }],
  });
}

/** Numbers from 0 to 1, the same in each picture. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647;
}
