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

/** A test that a second fabric would teach nothing: it is left out there, since a machine with a device is slow. */
export function anyFabric(name: string): { name: string; ignore: boolean } {
  const ignore = testFabric() !== "shm";
  return { name: ignore ? `${name} (is about no fabric)` : name, ignore };
}
