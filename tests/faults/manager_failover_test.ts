/** A resource manager that leads is killed, and another one with the same store takes over. */

import { assert, assertEquals } from "@std/assert";
import { ExecutorManager } from "../../manager/executor/executor_manager.ts";
import { connectWith } from "../../runtime/client/client.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { sharedBundle } from "../support/cluster/cluster.ts";
import { testSandbox } from "../support/cluster/test_sandbox.ts";
import { functionsPackage } from "../support/functions/functions_package.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../support/manager/etcd_members.ts";
import { ManagerGroup } from "../support/manager/manager_group.ts";
import { shortLease } from "../support/cluster/short_lease.ts";
import { limitMs } from "../support/time_factor.ts";
import { until } from "../support/waiting.ts";

const bytes = new Uint8Array(64).fill(5);
/** Half of it, the least that is left at the kill, is longer than taking over lasts on a slow host under load. */
const TERM_MS = 16_000;

Deno.test({
  name: "calls go on, leases are renewed and granted, and bills are exact, while the leader is " +
    `killed and one of three members of etcd too${needsEtcd}`,
  ignore: etcdPath === undefined,
  fn: async () => {
    await using members = await EtcdMembers.start({ size: 3 });
    await using group = await ManagerGroup.start(2, members.store());
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    await using cleanUp = new AsyncDisposableStack();
    cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
    const node = await ExecutorManager.start({
      manager: { url: group.url, token: group.token("node") },
      name: "node-0",
      cores: 4,
      memoryBytes: 2 ** 30,
      fabric: "shm",
      stateDir: `${folder}/node`,
      executor: await sharedBundle(),
      sandbox: testSandbox(),
    });
    cleanUp.defer(() => node.close());
    const client = await connectWith(
      { manager: group.url, token: group.token("client"), fabric: "shm" },
      {},
    );
    cleanUp.defer(() => client.close());
    const functions = await functionsPackage();
    const { lease } = await shortLease(
      (termMs) => client.lease({ functions, termMs, memory: 2 ** 20 }),
      TERM_MS,
    );
    const takenMs = performance.now();
    const closed: string[] = [];
    lease.closed.then(({ code }) => closed.push(code));
    let calls = 0;
    let ended = false;
    const calling = (async () => {
      for (; !ended; calls++) {
        assertEquals(await lease.invoke("echo", bytes), bytes);
        if (calls % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
      }
    })();
    const leader = await group.leader();
    const endMs = lease.expires.getTime();
    await Promise.all([leader.kill(), members.kill(0)]);
    const startedMs = performance.now();
    const second = await client.lease({ functions, termMs: 60_000, memory: 2 ** 20 });
    const tookMs = performance.now() - startedMs;
    assert(tookMs < limitMs(4000), `a lease was granted after ${tookMs} ms`);
    assertEquals(await second.invoke("echo", bytes), bytes);
    // The lease is renewed by the new leader, or it would end.
    await until(() => Date.now() > endMs + 500, () => "the term at that time is over", TERM_MS);
    const servedMs = performance.now() - takenMs;
    ended = true;
    await calling;
    assertEquals(closed, []);
    assert(calls > 1000, `${calls} calls`);
    const ids = [lease.id, second.id];
    await lease.close();
    await second.close();
    using operator = new ManagerClient({ url: group.url, token: group.token("operator") });
    const bills = async () =>
      (await operator.bills()).bills.filter((bill) => ids.includes(bill.lease));
    await until(
      async () =>
        (await bills()).length === 2 &&
        (await operator.nodes()).nodes[0]!.freeCores === 4,
      () => "both leases are billed and their cores are free",
    );
    const bill = (await bills()).find((each) => each.lease === ids[0]);
    assert(
      Number(bill?.heldNs) / 1e6 >= servedMs / 2,
      `${bill?.heldNs} ns of ${servedMs} ms are billed`,
    );
  },
});
