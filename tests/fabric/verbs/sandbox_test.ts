/** Functions whose calls arrive over RDMA run in the sandbox that nodes choose. */

import { assertEquals } from "@std/assert";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";

Deno.test("a node with RDMA and no limit of locked memory chooses bubblewrap, and calls reach it", async () => {
  const functions = packageOf(
    "export const echo = (input, output) => { output.set(input); return input.length; };",
  );
  const options = { cluster: { sandbox: "auto", fabric: "verbs", cores: 1 } } as const;
  await using held = await startLease({ functions, maxBytes: 64, depth: 1 }, options);
  const { cluster: { nodes: [node] }, lease } = held;
  assertEquals([node!.sandbox, node!.addresses.length], ["bubblewrap", 2]);
  assertEquals(await lease.invoke("echo", Uint8Array.of(5)), Uint8Array.of(5));
});
