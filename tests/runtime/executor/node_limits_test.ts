/** The limits that a node's owner sets: the time of a call, the processor time of a lease, the cores of a worker. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { workerThreads } from "../../../bench/process_stat.ts";
import { allowedCores } from "../../../ffi/affinity.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { CorePins } from "../../../manager/executor/limits/core_pins.ts";
import { DeadlineExceededError, LimitExceededError } from "../../../mod.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { functionsPackage } from "../../support/functions/functions_package.ts";
import { children } from "../../support/processes/process_table.ts";
import { limitMs } from "../../support/time_factor.ts";
import { until, within } from "../../support/waiting.ts";

const none = new Uint8Array();

/** Fails when the limit is not passed on to the worker: the calls hang, and the test ends at its bound. */
Deno.test("a call without a deadline, or with a later one, fails with LimitExceededError at the node's limit", async () => {
  await using cluster = await startCluster({ limits: { callMs: 300 } });
  const client = await cluster.connect();
  const other = await client.lease({ functions: await functionsPackage() });
  const lease = await client.lease({ functions: await functionsPackage() });
  for (
    const [name, options] of [["spin", {}], ["never", {}], ["spin", {
      deadlineMs: 60_000,
    }]] as const
  ) {
    const sinceMs = performance.now();
    const call = lease.invoke(name, none, options);
    const error = await within(5000, name, assertRejects(() => call, LimitExceededError, "300 ms"));
    const tookMs = performance.now() - sinceMs;
    assertEquals((error as LimitExceededError).limit, "call");
    assert(tookMs >= 290 && tookMs < limitMs(2000), `${name} took ${tookMs} ms`);
    assertEquals(await other.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
    await until(
      () => lease.invoke("echo", none).then(() => true, () => false),
      () => "the lease goes on",
    );
  }
  await assertRejects(() => lease.invoke("spin", none, { deadlineMs: 50 }), DeadlineExceededError);
});

/** Fails without the check of the processor time: the calls never end. */
Deno.test("a lease that has used up its processor time ends with LimitExceededError", async () => {
  await using cluster = await startCluster({ limits: { cpuSeconds: 1 } });
  const client = await cluster.connect();
  const functions = await functionsPackage();
  const other = await client.lease({ functions, hotMs: 0 });
  const lease = await client.lease({ functions, workers: 2 });
  const spinning = [0, 1].map((worker) =>
    lease.invoke("spin", none, { worker }).catch((error: unknown) => error)
  );
  for (const error of await within(15_000, "the limit", Promise.all(spinning))) {
    assertInstanceOf(error, LimitExceededError);
    assertEquals((error as LimitExceededError).limit, "cpu");
    assertStringIncludes(`${error}`, "more than 1 s of processor time");
  }
  const { code, limit } = await within(5000, "the end", lease.closed);
  assertEquals([code, limit], ["limit", "cpu"]);
  await assertRejects(() => lease.invoke("echo", none), LimitExceededError, "processor time");
  assertEquals(await other.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
});

/** Returns the cores that each worker of an executor may run on; its helper threads have the same. */
function coresOfWorkers(pid: number): string[] {
  return workerThreads(pid).map((thread) => {
    const status = Deno.readTextFileSync(`/proc/${pid}/task/${thread}/status`);
    return /^Cpus_allowed_list:\s+(\S+)/m.exec(status)![1]!;
  });
}

const cores = (() => {
  const libc = openLibc();
  const found = allowedCores(libc);
  libc.close();
  return found;
})();

Deno.test({
  name: `workers keep to one core each on a node with \`pinCores\`${
    cores.length < 2 ? " (needs two cores)" : ""
  }`,
  ignore: cores.length < 2,
  fn: async () => {
    const pinned = async (pinCores: boolean, oversubscription: number) => {
      await using held = await startLease({ workers: 2 }, {
        cluster: { cores: 2, pinCores, oversubscription },
      });
      for (const worker of [0, 1]) await held.lease.invoke("echo", none, { worker });
      return children(Deno.pid).flatMap(coresOfWorkers).filter((list) => /^\d+$/.test(list)).sort();
    };
    assertEquals(await pinned(true, 1), cores.slice(0, 2).map(String).sort());
    assertEquals(await pinned(false, 1), []);
    assertEquals(await pinned(true, 2), []);
  },
});

Deno.test("`CorePins` assigns each core to one lease at a time, and none when too few are free", () => {
  const pins = new CorePins([0, 2, 5]);
  const first = pins.take(2)!;
  assertEquals([first.cores, pins.take(2)], [[0, 2], undefined]);
  const second = pins.take(1)!;
  assertEquals(second.cores, [5]);
  first.release();
  first.release();
  assertEquals([pins.take(3), pins.take(2)!.cores], [undefined, [0, 2]]);
});
