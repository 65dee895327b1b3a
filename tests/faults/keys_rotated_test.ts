/** Keys of grants that rotate while leases run: real managers, executors and clients. */

import { assertEquals } from "@std/assert";
import { KEY_LEARN_MS } from "../../manager/resource/policy.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { startLease } from "../support/cluster/cluster_lease.ts";
import { functionsPackage } from "../support/functions/functions_package.ts";
import { shortLease } from "../support/cluster/short_lease.ts";
import { until } from "../support/waiting.ts";

const bytes = new Uint8Array(64).fill(5);

Deno.test("a rotation of keys refuses no call of running leases, and no new lease", async () => {
  await using set = await startLease({ termMs: 3_000 });
  const { cluster, client, lease, termMs } = set;
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const first = (await operator.keys()).keys[0]!;
  const second = (await operator.rotateKeys()).keys[0]!;
  const functions = await functionsPackage();
  const states = async () => (await operator.keys()).keys.map(({ id, state }) => `${id} ${state}`);
  let leases = 0;
  await until(
    async () => {
      const { lease: other } = await shortLease(
        (termMs) => client.lease({ functions, termMs }),
        1_000,
      );
      assertEquals(await other.invoke("echo", bytes), bytes);
      assertEquals(await lease.invoke("echo", bytes), bytes);
      await other.close();
      leases++;
      return (await states()).join() === `${second.id} signing`;
    },
    () => `key ${first.id} is dropped after ${leases} leases`,
    KEY_LEARN_MS + 30_000,
  );
  const droppedMs = Date.now();
  // The lease was renewed by a grant of the new key, and goes on beyond the end of the old grant.
  await until(() => Date.now() > droppedMs + termMs! + 500, () => "the term at that time is over");
  assertEquals(await lease.invoke("echo", bytes), bytes);
});
