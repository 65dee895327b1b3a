/** The metrics of the resource manager, against what happens in it. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LeaseRefusedError } from "../../../../runtime/errors.ts";
import { MetricRegistry } from "../../../../manager/metrics/metric_registry.ts";
import { readCluster } from "../../../../manager/resource/metrics/cluster_figures.ts";
import { RESOURCE_METRICS } from "../../../../manager/resource/metrics/resource_metrics.ts";
import { SqliteStore } from "../../../../manager/resource/store/sqlite/sqlite_store.ts";
import { scrape } from "../../../support/manager/scrape.ts";
import { allocationRow, leaseRow, nodeRow } from "../../../support/manager/store_rows.ts";
import { TestManager } from "../../../support/manager/test_manager.ts";
import { limitMs } from "../../../support/time_factor.ts";
import { until } from "../../../support/waiting.ts";

const metrics = { listen: "http://127.0.0.1:0", token: "scraper" };
const MIB = 2 ** 20;

Deno.test("the metrics of a resource manager have its nodes, leases, waiting requests and refusals", async () => {
  await using test = await TestManager.start({ metrics });
  const read = () => scrape(test.manager.metricsUrl!, metrics.token);
  const here = await test.register("here", { cores: 4, memoryBytes: 64 * MIB });
  await test.register("there", { cores: 2, memoryBytes: 64 * MIB });
  const lease = { workers: 3, memoryBytes: 8 * MIB, termMs: 60_000 };
  const granted = await test.client.takeLease(lease);
  await test.node.reportLease(here.node, granted.lease, {
    epoch: here.epoch,
    state: "claimed",
    workers: 3,
  });
  await test.operator.drainNode((await test.operator.nodes()).nodes[1]!.node, { graceMs: 1000 });
  await assertRejects(() => test.client.takeLease(lease), LeaseRefusedError);
  const waiting = test.client.takeLease({ ...lease, waitMs: 20_000 });
  const shows = async (name: string, value: number) => (await read()).get(name) === value;
  await until(() => shows("rfaas_manager_waiting_requests", 1), () => "a request waits", 5000);
  const series = await read();
  const values = (names: string[]) =>
    Object.fromEntries(names.map((name) => [name, series.get(name)]));
  const expected = {
    'rfaas_cluster_nodes{state="up"}': 1,
    'rfaas_cluster_nodes{state="draining"}': 1,
    'rfaas_cluster_nodes{state="lost"}': 0,
    'rfaas_cluster_cores{state="up"}': 4,
    'rfaas_cluster_cores{state="draining"}': 2,
    'rfaas_cluster_cores_allocated{state="up"}': 3,
    'rfaas_cluster_memory_bytes{state="up"}': 64 * MIB,
    'rfaas_cluster_memory_allocated_bytes{state="up"}': 8 * MIB,
    'rfaas_cluster_leases{state="claimed"}': 1,
    'rfaas_cluster_leases{state="unclaimed"}': 0,
    "rfaas_manager_leads": 1,
    "rfaas_manager_store_up": 1,
    'rfaas_manager_requests_total{route="POST /v1/leases",code="ok"}': 1,
    'rfaas_manager_requests_total{route="POST /v1/leases",code="full"}': 1,
    'rfaas_manager_requests_total{route="POST /v1/nodes",code="ok"}': 2,
    'rfaas_manager_request_duration_seconds_count{route="POST /v1/leases"}': 2,
  };
  assertEquals(values(Object.keys(expected)), expected);
  assert(series.get("rfaas_manager_longest_wait_seconds")! > 0);
  await test.client.releaseLease(granted.lease);
  await waiting;
  await until(() => shows("rfaas_manager_waiting_requests", 0), () => "none waits", 5000);
  await until(() => shows('rfaas_cluster_leases{state="unclaimed"}', 1), () => "it is new", 5000);
});

Deno.test("the metrics of a resource manager count requests of strangers under one label", async () => {
  await using test = await TestManager.start({ metrics });
  for (const path of ["/a", "/v1/%22%0aforged", "/v1/nodes/%1b%5b31m/heartbeat", "/v1/leases"]) {
    const response = await fetch(test.url + path);
    await response.body?.cancel();
  }
  const series = await scrape(test.manager.metricsUrl!, metrics.token);
  const counted = [...series].filter(([name]) => name.startsWith("rfaas_manager_requests_total"));
  assertEquals(Object.fromEntries(counted), {
    'rfaas_manager_requests_total{route="other",code="not-found"}': 2,
    'rfaas_manager_requests_total{route="other",code="bad-method"}': 1,
    'rfaas_manager_requests_total{route="GET /v1/leases",code="unauthorized"}': 1,
  });
});

Deno.test("the metrics of a resource manager take less than 100 ms with 1,000 nodes and 10,000 leases", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const store = new SqliteStore(`${dir}/state.sqlite`);
  try {
    await store.transact((tx) => {
      for (let at = 0; at < 1000; at++) tx.putNode(nodeRow(`n${at}`, { cores: 64 }));
      for (let at = 0; at < 10_000; at++) {
        tx.putLease(leaseRow(`l${at}`, { expiresMs: 1e6 }));
        for (const [node, state] of [[at, "claimed"], [at + 1, "candidate"]] as const) {
          tx.putAllocation(allocationRow(`l${at}`, `n${node % 1000}`, { state }));
        }
      }
    });
    const registry = new MetricRegistry(RESOURCE_METRICS);
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const startMs = performance.now();
      const cluster = await readCluster(store, 0);
      const waiting = { waiting: 0, longestWaitSeconds: 0, requestsInFlight: 0, overloads: 0 };
      await registry.text({ leads: true, cluster, ...waiting });
      times.push(performance.now() - startMs);
      assertEquals(cluster?.leases, { claimed: 10_000, unclaimed: 0 });
      assertEquals(cluster?.cores.up, 64_000);
    }
    assert(Math.min(...times) < limitMs(100), `${times.map(Math.round).join(", ")} ms`);
  } finally {
    await store.close();
    await Deno.remove(dir, { recursive: true });
  }
});
