/** What holds when the keys of grants change while leases run: real managers, executors and clients. */

import { assertEquals } from "@std/assert";
import { keyLearnMs } from "../../manager/resource/policy.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { startLease } from "../support/cluster_lease.ts";
import { functionsPackage } from "../support/functions_package.ts";
import { until } from "../support/process_table.ts";

const bytes = new Uint8Array(64).fill(5);

Deno.test("keys rotate under leases that run and leases that come: no call and no lease is refused", async () => {
  await using set = await startLease({ seconds: 3 });
  const { cluster, client, lease } = set;
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const first = (await operator.keys()).keys[0]!;
  const second = (await operator.rotateKeys()).keys[0]!;
  const functions = await functionsPackage();
  const states = async () => (await operator.keys()).keys.map(({ id, state }) => `${id} ${state}`);
  let leases = 0;
  await until(
    async () => {
      await using other = await client.lease({ functions, seconds: 1 });
      assertEquals(await other.invoke("echo", bytes), bytes);
      assertEquals(await lease.invoke("echo", bytes), bytes);
      leases++;
      return (await states()).join() === `${second.id} signing`;
    },
    () => `key ${first.id} is dropped after ${leases} leases`,
    keyLearnMs + 30_000,
  );
  const droppedMs = Date.now();
  // It was renewed by a grant of the new key, and goes on beyond the old one's end.
  await until(() => Date.now() > droppedMs + 3500, () => "the term that was then is over");
  assertEquals(await lease.invoke("echo", bytes), bytes);
});
