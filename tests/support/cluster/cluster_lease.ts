/** A lease on its own cluster, for tests that need nothing else. */

import type { Client, ClientTuning } from "../../../runtime/client/client.ts";
import type { Lease } from "../../../runtime/client/lease.ts";
import type { LeaseOptions } from "../../../runtime/client/lease_options.ts";
import { type Cluster, type ClusterOptions, startCluster } from "./cluster.ts";
import { functionsPackage } from "../functions/functions_package.ts";
import { shortLease } from "./short_lease.ts";

/** A lease with its client and its cluster. Disposing closes all. */
export interface ClusterLease extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: Client;
  readonly lease: Lease;
  /** The term that was requested at last; undefined without `termMs`. */
  readonly termMs: number | undefined;
}

/** Starts a cluster and takes a lease on it, by default of functions.ts. A host under load may need a longer `termMs`. */
export async function startLease(
  options: Partial<LeaseOptions> = {},
  more: { tuning?: ClientTuning; cluster?: ClusterOptions } = {},
): Promise<ClusterLease> {
  const cluster = await startCluster(more.cluster);
  try {
    const client = await cluster.connect(more.tuning);
    const functions = await functionsPackage();
    const take = (more = {}) => client.lease({ functions, ...options, ...more });
    const { lease, termMs } = options.termMs === undefined
      ? { lease: await take(), termMs: undefined }
      : await shortLease((termMs) => take({ termMs }), options.termMs);
    const dispose = () => cluster[Symbol.asyncDispose]();
    return { cluster, client, lease, termMs, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}
