/** The metrics of an executor manager, against its leases and the bills. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { startCluster } from "../../../support/cluster/cluster.ts";
import { functionsPackage } from "../../../support/functions/functions_package.ts";
import { scrape } from "../../../support/manager/scrape.ts";
import { until } from "../../../support/waiting.ts";

Deno.test("the metrics of an executor manager agree with its leases, executors and bills", async () => {
  await using cluster = await startCluster({ metrics: true });
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const client = await cluster.connect();
  const read = () => scrape(cluster.nodes[0]!.metricsUrl!);
  const shows = (name: string, value: number) => async () => (await read()).get(name) === value;
  const functions = await functionsPackage();
  {
    await using lease = await client.lease({ functions, workers: 2, memory: "256MiB" });
    for (let at = 0; at < 100; at++) await lease.invoke("echo", new Uint8Array(8));
    await until(shows("rfaas_node_calls_total", 100), () => "all calls are counted", 5000);
    const running = await read();
    // The resource manager has the same figures, in its metrics and in its lists.
    const manager = await scrape(cluster.resourceManager.metricsUrl!);
    assertEquals(manager.get('rfaas_cluster_cores_allocated{state="up"}'), 2);
    assertEquals(manager.get('rfaas_cluster_leases{state="claimed"}'), 1);
    assertEquals(
      manager.get('rfaas_cluster_memory_allocated_bytes{state="up"}'),
      running.get("rfaas_node_memory_allocated_bytes"),
    );
    const { leases } = await operator.leases();
    assertEquals(leases.map(({ workers }) => workers), [2]);
    assertEquals(running.get("rfaas_node_leases"), 1);
    assertEquals(running.get("rfaas_node_cores"), 4);
    assertEquals(running.get("rfaas_node_cores_allocated"), 2);
    assert(running.get("rfaas_node_memory_allocated_bytes")! >= 256 * 2 ** 20);
    assert(running.get("rfaas_node_memory_used_bytes")! > 2 * 10 * 2 ** 20);
    assertEquals(running.get("rfaas_node_executors"), 2);
    assertEquals(running.get("rfaas_node_executors_waiting"), 0);
    assertEquals(running.get('rfaas_node_claim_duration_seconds_count{outcome="admitted"}'), 1);
    assertEquals(running.get('rfaas_node_executor_take_seconds_count{start="cold"}'), 2);
    assertEquals(running.get("rfaas_node_executor_boot_seconds_count"), 2);
    assert(running.get('rfaas_node_heartbeat_duration_seconds_count{outcome="ok"}')! > 0);
  }
  await until(
    shows('rfaas_node_leases_ended_total{reason="released"}', 1),
    () => "the end is counted",
    5000,
  );
  const ended = await read();
  assertEquals(ended.get("rfaas_node_leases"), 0);
  assertEquals(ended.get("rfaas_node_calls_total"), 100);
  assertEquals(ended.get("rfaas_node_cores_allocated"), 0);
  assertEquals(ended.get("rfaas_node_memory_allocated_bytes"), 0);
  assertEquals(ended.get("rfaas_node_executors"), 0);
  const ends = ["stopped", "client-gone"].map((reason) =>
    // whichever the executor notices first
    ended.get(`rfaas_node_executors_ended_total{reason="${reason}"}`)!
  );
  assertEquals(ends[0]! + ends[1]!, 2);
  const billed = async () => (await operator.bills()).bills;
  const heldNs = Math.round(ended.get("rfaas_node_held_core_seconds_total")! * 1e9 / 2);
  await until(
    async () => Number((await billed())[0]?.heldNs) === heldNs,
    () => `a bill of ${heldNs} ns`,
    10_000,
  );
  const [bill] = await billed();
  const seconds = (name: string) => ended.get(`rfaas_node_${name}_seconds_total`)!;
  assertEquals(seconds("compute"), Number(bill!.computeNs) / 1e9);
  assertEquals(seconds("poll"), Number(bill!.pollNs) / 1e9);
  assert(seconds("compute") > 0);
});

Deno.test("the metrics of an executor manager count refused claims, ends by a limit, and a drain", async () => {
  await using cluster = await startCluster({ metrics: true });
  const client = await cluster.connect();
  const read = () => scrape(cluster.nodes[0]!.metricsUrl!);
  const functions = await functionsPackage();
  await assertRejects(() => client.lease({ functions, permissions: { net: ["example.org:1"] } }));
  {
    await using lease = await client.lease({ functions });
    const lost = 'rfaas_node_executors_ended_total{reason="deadline"}';
    const isCounted = async () => {
      // Again if a busy host has not begun the call before its deadline.
      await assertRejects(() => lease.invoke("spin", new Uint8Array(), { deadlineMs: 300 }));
      return (await read()).get(lost)! >= 1;
    };
    await until(isCounted, () => "a late call", 10_000);
  }
  const refused = 'rfaas_node_claim_duration_seconds_count{outcome="permissions"}';
  assertEquals((await read()).get(refused), 1);
  await cluster.nodes[0]!.drain(0);
  await until(async () => (await read()).get("rfaas_node_draining") === 1, () => "drains", 5000);
});
