/** What a token's quota and its end mean to a program that uses the library. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LeaseOver, LeaseRefused, Unauthorized } from "../../../runtime/errors.ts";
import { connect } from "../../../runtime/client/client.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { startCluster } from "../../support/cluster.ts";
import { packageOf } from "../../support/functions_package.ts";
import { within } from "../../support/process_table.ts";
import { testFabric } from "../../support/test_fabric.ts";

const functions = packageOf("export const f = (i, o) => (o.set(i), i.length);");
const byte = Uint8Array.of(7);

Deno.test("a lease beyond the quota is refused with its reason and figures, and one within is served", async () => {
  await using cluster = await startCluster();
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const quota = { workers: 2, seconds: 120 };
  const { token } = await operator.createToken({ role: "client", name: "ada", quota });
  await using client = await connect({ manager: cluster.managerUrl, token, fabric: testFabric() });
  await using lease = await client.lease({ functions, workers: 2 });
  assertEquals(await lease.invoke("f", byte), byte);
  const cases = [
    [{ workers: 1 }, "client ada has 2 workers and asks for 1, its quota is 2"],
    [{ workers: 1, seconds: 121 }, "asks for 121 seconds, its quota is 120"],
  ] as const;
  for (const [asked, words] of cases) {
    const work = () => client.lease({ functions, ...asked });
    const refused = await assertRejects(work, LeaseRefused, words);
    assertEquals(refused.reason, "quota");
  }
  await lease.close();
  await using again = await client.lease({ functions, workers: 2 });
  assertEquals(await again.invoke("f", byte), byte);
});

Deno.test("a lease ends on its node when its client's token is revoked, and others go on", async () => {
  await using cluster = await startCluster();
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const { token } = await operator.createToken({ role: "client", name: "mallory" });
  await using mallory = await connect({ manager: cluster.managerUrl, token, fabric: testFabric() });
  await using lease = await mallory.lease({ functions });
  const other = await cluster.connect();
  await using kept = await other.lease({ functions });
  await operator.revokeToken("mallory");
  await within(10_000, "the lease's end", lease.closed);
  await assertRejects(() => lease.invoke("f", byte), LeaseOver);
  await assertRejects(() => mallory.lease({ functions }), Unauthorized);
  assertEquals(await kept.invoke("f", byte), byte);
  const { leases } = await operator.leases();
  assert(leases.every(({ client }) => client === "client"), JSON.stringify(leases));
});
