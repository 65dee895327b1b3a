/** A token's quota, and its revocation, as an app sees them. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LeaseOverError, LeaseRefusedError, UnauthorizedError } from "../../../runtime/errors.ts";
import { connect } from "../../../runtime/client/client.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { within } from "../../support/waiting.ts";
import { testFabric } from "../../support/cluster/test_fabric.ts";

const functions = packageOf("export const f = (i, o) => (o.set(i), i.length);");
const byte = Uint8Array.of(7);

Deno.test("a lease beyond the quota is refused with reason and figures, one within it is served", async () => {
  await using cluster = await startCluster();
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const quota = { workers: 2, termMs: 120_000 };
  const { token } = await operator.createToken({ role: "client", name: "ada", quota });
  await using client = await connect({ manager: cluster.managerUrl, token, fabric: testFabric() });
  await using lease = await client.lease({ functions, workers: 2 });
  assertEquals(await lease.invoke("f", byte), byte);
  const cases = [
    [{ workers: 1 }, "client ada has 2 workers and requests 1, its quota is 2"],
    [{ workers: 1, termMs: 121_000 }, "requests a term of 121000 ms, its quota is 120000 ms"],
  ] as const;
  for (const [options, message] of cases) {
    const work = () => client.lease({ functions, ...options });
    const refused = await assertRejects(work, LeaseRefusedError, message);
    assertEquals(refused.reason, "quota");
  }
  await lease.close();
  await using again = await client.lease({ functions, workers: 2 });
  assertEquals(await again.invoke("f", byte), byte);
});

Deno.test("a lease ends when its client's token is revoked, and other leases go on", async () => {
  await using cluster = await startCluster();
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const { token } = await operator.createToken({ role: "client", name: "mallory" });
  await using mallory = await connect({ manager: cluster.managerUrl, token, fabric: testFabric() });
  await using lease = await mallory.lease({ functions });
  const other = await cluster.connect();
  await using kept = await other.lease({ functions });
  await operator.revokeToken("mallory");
  await within(10_000, "the lease's end", lease.closed);
  await assertRejects(() => lease.invoke("f", byte), LeaseOverError);
  await assertRejects(() => mallory.lease({ functions }), UnauthorizedError);
  assertEquals(await kept.invoke("f", byte), byte);
  const { leases } = await operator.leases();
  assert(leases.every(({ client }) => client === "client"), JSON.stringify(leases));
});
