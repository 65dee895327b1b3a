/** A request of a higher class needs the cores of others: their leases move where they can, and end where they cannot. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../../../mod.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { startCluster } from "../../../support/cluster/cluster.ts";
import { functionsPackage } from "../../../support/functions/functions_package.ts";
import { until } from "../../../support/waiting.ts";

const bytes = Uint8Array.of(1, 2, 3);

Deno.test("a lease of a lower class moves to another node within its grace period, or ends after it, and the waiting one starts", async () => {
  const classes = { urgent: { priority: 1, preempts: true }, default: { graceSeconds: 2 } };
  await using cluster = await startCluster({ nodes: 1, cores: 2, classes });
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const { token } = await operator.createToken({ role: "client", name: "eve", class: "urgent" });
  const client = await cluster.connect();
  await using eve = await connect({ manager: cluster.managerUrl, token });
  const functions = await functionsPackage();
  const low = await client.lease({ functions, workers: 2, memory: 2 ** 28, idempotent: true });
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { type } of low.status()) if (type !== "renewed") seen.push(type);
  })();
  const request = { functions, workers: 2, memory: 2 ** 28, waitMs: 60_000 };
  const waiting = eve.lease(request);
  await until(() => seen.includes("draining"), () => "the client is notified", 20_000);
  const { waiting: [shown] } = await operator.queue();
  assertMatch(shown?.reason.message ?? "", /; 1 lease of a lower class leaves node node-0 for it$/);
  // Another node has the capacity, so the lease moves there and goes on.
  await cluster.startNode("node-1");
  await using first = await waiting;
  assertEquals([...first.nodes, ...low.nodes].sort(), ["node-0", "node-1"]);
  assertEquals(await first.invoke("echo", bytes), bytes);
  if (low.nodes[0] === "node-1") assertEquals(await low.invoke("echo", bytes), bytes);
  // Now there is no other node: the grace period ends the lease.
  await using second = await eve.lease(request);
  assertEquals(await second.invoke("echo", bytes), bytes);
  const { code, message } = await low.closed;
  assertEquals(code, "draining");
  assertMatch(message, /a request of a higher class needs its cores/);
  assert(seen.filter((type) => type === "draining").length >= 1);
  await watching;
});
