/** One load, and what each place reports of it: the stream of the dashboard, metrics, commands, the app, the kernel. */

import { assert, assertEquals } from "@std/assert";
import type { ShownState } from "../../cli/top/shown_state.ts";
import type { BillList } from "../../runtime/http/bill_api.ts";
import type { LeaseList } from "../../runtime/http/manager_api.ts";
import { startCluster } from "../support/cluster/cluster.ts";
import { rfaas } from "../support/cluster/rfaas_command.ts";
import { functionsPackage } from "../support/functions/functions_package.ts";
import { scrape } from "../support/manager/scrape.ts";
import { descendants, processorSeconds } from "../support/processes/process_table.ts";
import { until } from "../support/waiting.ts";

const WORKERS = 2;
const CALLS = 100;
/** How long each call computes. */
const CALL_MS = 20;
/** The kernel counts a process in ticks of 10 ms, and the threads of an executor beside its worker take a little. */
const TICKS_SECONDS = 0.1;
/** What the start of two workers takes after the begin of the bill, and their end. */
const START_SECONDS = 0.5;

Deno.test("dashboard, metrics, commands, the app and the kernel report the same of one load", async () => {
  const before = new Set(descendants(Deno.pid));
  await using cluster = await startCluster({ cores: 4, metrics: true });
  const env = { RFAAS_MANAGER: cluster.managerUrl, RFAAS_TOKEN: cluster.operatorToken };
  const read = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await rfaas([...args, "--json"], { env });
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    return JSON.parse(stdout);
  };
  const [node] = cluster.nodes;
  const ofNode = async () => await scrape(node!.metricsUrl!);
  await using client = await cluster.connect();
  await using lease = await client.lease({
    functions: await functionsPackage(),
    workers: WORKERS,
    hotMs: 5,
  });
  const executors = descendants(Deno.pid).filter((pid) => !before.has(pid));
  const kernel = () => executors.reduce((sum, pid) => sum + processorSeconds(pid), 0);
  const bootSeconds = kernel();
  await lease.map("hold", Array(CALLS).fill(Uint8Array.of(CALL_MS)));

  // Calls: the client's count reaches the node within its interval.
  assertEquals(lease.stats().calls, CALLS);
  await until(
    async () => (await ofNode()).get("rfaas_node_calls_total") === CALLS,
    () => `the node counts ${CALLS} calls`,
  );

  // Capacity, at rest.
  const cluster1 = await scrape(cluster.resourceManager.metricsUrl!);
  const top = await read<ShownState>("top");
  const { leases } = await read<LeaseList>("leases");
  const up = (name: string) => cluster1.get(`rfaas_cluster_${name}{state="up"}`);
  assertEquals([top.totals.cores, top.totals.allocatedCores], [4, WORKERS]);
  assertEquals([up("cores"), up("cores_allocated")], [4, WORKERS]);
  assertEquals([up("nodes"), top.totals.nodes.up, top.nodes.length], [1, 1, 1]);
  assertEquals(leases.map(({ lease, workers }) => [lease, workers]), [[lease.id, WORKERS]]);
  assertEquals(top.leases.map(({ lease, workers }) => [lease, workers]), [[lease.id, WORKERS]]);
  assertEquals(up("memory_allocated_bytes"), top.totals.allocatedBytes);
  assertEquals(leases[0]!.memoryBytes, top.totals.allocatedBytes);
  const metrics = await ofNode();
  assertEquals(metrics.get("rfaas_node_cores_allocated"), WORKERS);
  assertEquals(metrics.get("rfaas_node_memory_allocated_bytes"), top.totals.allocatedBytes);
  assertEquals(metrics.get("rfaas_node_executors"), top.nodes[0]!.executors?.running);

  // Time: the bill is the node's total to the nanosecond, and has what the kernel counted.
  const kernelSeconds = kernel();
  await lease.close();
  const billed = async () => (await read<BillList>("bill")).bills.find((b) => b.lease === lease.id);
  await until(async () => await billed() !== undefined, () => "the lease is billed");
  await until(
    async () => {
      const [bill, last] = [await billed(), await ofNode()];
      const seconds = (ns: string) => Number(ns) / 1e9;
      const near = (a: number, b: number | undefined) => Math.abs(a - b!) < 1e-6;
      return near(seconds(bill!.computeNs), last.get("rfaas_node_compute_seconds_total")) &&
        near(seconds(bill!.pollNs), last.get("rfaas_node_poll_seconds_total")) &&
        near(WORKERS * seconds(bill!.heldNs), last.get("rfaas_node_held_core_seconds_total"));
    },
    () => "the bill has the node's totals",
  );
  const bill = (await billed())!;
  const used = (Number(bill.computeNs) + Number(bill.pollNs)) / 1e9;
  const worked = kernelSeconds - bootSeconds;
  assert(used <= worked + START_SECONDS, `billed ${used} s, the kernel counted ${worked} s`);
  assert(used >= worked - TICKS_SECONDS, `billed ${used} s, the kernel counted ${worked} s`);
});
