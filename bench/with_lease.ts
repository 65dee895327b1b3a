/** A lease of this host's own, for one suite. */

import { LocalManagers, type LocalManagersOptions } from "../cli/local_managers.ts";
import { connect, type Lease, type LeaseOptions } from "../mod.ts";

/** The functions that benchmarks call. */
export const FUNCTIONS = new URL("functions.ts", import.meta.url);

/**
 * Starts both managers, takes a lease of bench/functions.ts, and ends all of it afterwards.
 *
 * @param use gets the lease, and a way to take more.
 */
export async function withLease(
  options: Omit<LeaseOptions, "functions">,
  use: (lease: Lease) => Promise<void>,
  managersOptions: LocalManagersOptions = {},
): Promise<void> {
  const fabric = managersOptions.fabric ?? "shm";
  await using managers = await LocalManagers.start(managersOptions);
  await using client = await connect({ ...managers, fabric });
  await using lease = await client.lease({ ...options, functions: FUNCTIONS });
  await use(lease);
}
