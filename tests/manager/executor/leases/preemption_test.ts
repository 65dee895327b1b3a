/** A request of a higher class needs the cores of others: their leases move where they can, and end where they cannot. */

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../../../mod.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { type Cluster, startCluster } from "../../../support/cluster/cluster.ts";
import { functionsPackage } from "../../../support/functions/functions_package.ts";
import { until, within } from "../../../support/waiting.ts";

const bytes = Uint8Array.of(1, 2, 3);
/** Long enough for a node to start meanwhile, however slow the host is. */
const LONG_SECONDS = 300;
const classes = {
  urgent: { priority: 1, preempts: true },
  default: { graceSeconds: LONG_SECONDS },
  spare: { priority: -1, graceSeconds: 1 },
};

/** Connects as a new client of a class. */
async function connectIn(cluster: Cluster, name: string) {
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const { token } = await operator.createToken({ role: "client", name: `in-${name}`, class: name });
  return await connect({ manager: cluster.managerUrl, token });
}

async function requestOf(workers: number) {
  const waitMs = 2 * LONG_SECONDS * 1000;
  return { functions: await functionsPackage(), workers, memory: 2 ** 28, waitMs };
}

Deno.test("a lease that leaves for a request of a higher class goes on, once one of the two fits on another node", async () => {
  await using cluster = await startCluster({ nodes: 1, cores: 2, classes });
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const client = await cluster.connect();
  await using eve = await connectIn(cluster, "urgent");
  const request = await requestOf(2);
  await using low = await client.lease(request);
  const events = low.status();
  const waiting = eve.lease(request);
  const isNotified = (async () => {
    for await (const { type } of events) if (type === "draining") return;
  })();
  await within(20_000, "the client to be notified", isNotified);
  const { waiting: [shown] } = await operator.queue();
  assertMatch(shown?.reason.message ?? "", /; 1 lease of a lower class leaves node node-0 for it$/);
  await cluster.startNode("node-1");
  await using first = await waiting;
  assertEquals([...first.nodes, ...low.nodes].sort(), ["node-0", "node-1"]);
  assertEquals(await first.invoke("echo", bytes), bytes);
  assertEquals(await low.invoke("echo", bytes), bytes);
  await until(async () => (await operator.queue()).waiting.length === 0, () => "none waits");
});

Deno.test("a lease that leaves for a request of a higher class ends with its grace period, where no other node has capacity", async () => {
  await using cluster = await startCluster({ nodes: 1, cores: 2, classes });
  await using sue = await connectIn(cluster, "spare");
  await using eve = await connectIn(cluster, "urgent");
  const low = await sue.lease(await requestOf(1));
  await using other = await sue.lease(await requestOf(1));
  await using first = await eve.lease(await requestOf(1));
  assertEquals(await first.invoke("echo", bytes), bytes);
  // The younger one had to leave, and no other.
  const { code, message } = await other.closed;
  assertEquals(code, "draining");
  assertMatch(message, /a request of a higher class needs its cores/);
  assertEquals(await low.invoke("echo", bytes), bytes);
  await low.close();
});
