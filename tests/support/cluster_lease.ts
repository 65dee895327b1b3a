/** A lease of its own cluster, for tests that need no more than that. */

import type { Client, ClientTuning } from "../../runtime/client/client.ts";
import type { Lease } from "../../runtime/client/lease.ts";
import type { LeaseOptions } from "../../runtime/client/lease_options.ts";
import { type Cluster, type ClusterOptions, startCluster } from "./cluster.ts";
import { functionsPackage } from "./functions_package.ts";
import { limitMs } from "./time_factor.ts";

/** A lease with its client and its cluster; all are closed together. */
export interface ClusterLease extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: Client;
  readonly lease: Lease;
}

/** Starts a cluster and takes a lease on it; functions.ts is served unless `functions` names others. */
export async function startLease(
  options: Partial<LeaseOptions> = {},
  more: { tuning?: ClientTuning; cluster?: ClusterOptions } = {},
): Promise<ClusterLease> {
  const cluster = await startCluster(more.cluster);
  try {
    const client = await cluster.connect(more.tuning);
    const lease = await client.lease({ functions: await functionsPackage(), ...options });
    return { cluster, client, lease, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** Bytes that tell where they are and whose they are. */
export function pattern(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = seed + i * 31 + (i >>> 8) * 7;
  return bytes;
}

/** Rejects when `work` takes longer, as on a usual host; a test that hangs says what it waited for. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`${what} took longer than ${limitMs(ms)} ms`)),
    limitMs(ms),
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
