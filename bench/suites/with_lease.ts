/** A lease on this host, for one suite. */

import { LocalManagers, type LocalManagersOptions } from "../../cli/children/local_managers.ts";
import { connect, type Lease, type LeaseOptions } from "../../mod.ts";

/** The functions that benchmarks call. */
export const FUNCTIONS = new URL("../functions.ts", import.meta.url);

/**
 * Starts both managers, takes a lease of bench/functions.ts, and ends all of it afterwards.
 *
 * @param use Receives the lease.
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
