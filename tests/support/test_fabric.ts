/** Which fabric the end-to-end tests use: shm, or what RFAAS_TEST_FABRIC names. The only place that reads it. */

import type { FabricName } from "../../fabric/open.ts";

/** The fabric under test; `verbs` needs an RDMA device, such as the one of `deno task vm`. */
export function testFabric(): FabricName {
  const name = Deno.env.get("RFAAS_TEST_FABRIC") || "shm";
  if (name !== "shm" && name !== "verbs") {
    throw new TypeError(`Cannot test on fabric "${name}": RFAAS_TEST_FABRIC takes shm or verbs`);
  }
  return name;
}

/** Where a test's own listener listens: a fresh address of the fabric under test. */
export function testListenPlace(): FabricName {
  return testFabric();
}

/** For tests of what only shared memory has; their names say why. */
export function ignoreUnlessShm(): { ignore: boolean } {
  return { ignore: testFabric() !== "shm" };
}
