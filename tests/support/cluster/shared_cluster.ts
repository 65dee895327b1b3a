/** One cluster for many tests, since starting one in an emulated machine takes longer than most tests. */

import type { Client } from "../../../runtime/client/client.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import type { Lease } from "../../../runtime/client/lease.ts";
import type { LeaseOptions } from "../../../runtime/client/lease_options.ts";
import { startCluster } from "./cluster.ts";
import { functionsPackage } from "../functions/functions_package.ts";
import { until } from "../waiting.ts";

/** The tests of all modules that one test file imports. */
const steps: Deno.TestStepDefinition[] = [];
let client: Client | undefined;

/**
 * Adds a test to those that share a cluster: a step of one test, for which one node is started. It closes the leases
 * that it takes.
 *
 * @param named the test, or its name.
 */
export function test(
  named: string | { readonly name: string; readonly ignore: boolean },
  fn: () => Promise<void>,
): void {
  const { name, ignore } = typeof named === "string" ? { name: named, ignore: false } : named;
  if (steps.push({ name, ignore, fn }) > 1) return;
  Deno.test("tests that share a cluster", async (t) => {
    await using cluster = await startCluster();
    client = await cluster.connect();
    using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
    const isUp = async () => (await operator.nodes()).nodes[0]?.state === "up";
    for (const step of steps) {
      // Its manager lives on this thread, and misses heartbeats while a test blocks the thread.
      await until(isUp, () => "the node is up", 10_000);
      await t.step(step);
    }
  });
}

/** A lease of the cluster that the tests share; functions.ts is served unless `functions` names others. */
export async function sharedLease(options: Partial<LeaseOptions> = {}): Promise<Lease> {
  return await client!.lease({ functions: await functionsPackage(), ...options });
}
