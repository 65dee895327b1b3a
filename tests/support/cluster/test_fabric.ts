/** The fabric of the end-to-end tests: shm, or the value of RFAAS_TEST_FABRIC, which only this file reads. */

import type { FabricName } from "../../../fabric/open.ts";

/** The fabric under test; `verbs` needs an RDMA device, such as the one of `deno task vm`. */
export function testFabric(): FabricName {
  const name = Deno.env.get("RFAAS_TEST_FABRIC") || "shm";
  if (name !== "shm" && name !== "verbs") {
    throw new TypeError(
      `Cannot test on fabric "${name}": expected shm or verbs in RFAAS_TEST_FABRIC`,
    );
  }
  return name;
}

/** The argument with which a test's own listener gets a new address of the fabric under test. */
export function testListenPlace(): FabricName {
  return testFabric();
}

/** A test that does not depend on the fabric: it is skipped on verbs, because a machine with a device is slow. */
export function anyFabric(name: string): { name: string; ignore: boolean } {
  const ignore = testFabric() !== "shm";
  return { name: ignore ? `${name} (does not depend on the fabric)` : name, ignore };
}
