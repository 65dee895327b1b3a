/** A node that lends fewer cores while it serves: leases beyond them move, the rest goes on. */

import { assert, assertEquals } from "@std/assert";
import type { Lease } from "../../runtime/client/lease.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { until } from "../support/waiting.ts";

const bytes = Uint8Array.of(1, 2, 3);

/** Calls one after the other until `stop()`, which returns the results that differ, and the errors. */
function keepCalling(lease: Lease): { stop(): Promise<unknown[]>; count(): number } {
  const wrong: unknown[] = [];
  let count = 0;
  let isRunning = true;
  const calling = (async () => {
    while (isRunning) {
      const output = await lease.invoke("echo", bytes).catch((error: Error) => error);
      if (!(output instanceof Uint8Array) || output.length !== 3) wrong.push(output);
      count++;
    }
  })();
  return {
    count: () => count,
    stop: async () => {
      isRunning = false;
      await calling;
      return wrong;
    },
  };
}

Deno.test("leases beyond what a node lends move to another node, and no call is lost; the others notice nothing", async () => {
  await using host = await ProcessHost.start({ nodes: 1, cores: 4 });
  await using client = await host.connect();
  await using small = await host.lease(client, { workers: 1, idempotent: true });
  await using large = await host.lease(client, { workers: 3, idempotent: true });
  const seen: string[] = [];
  const events = small.status();
  const watching = (async () => {
    for await (const { type } of events) if (type !== "renewed") seen.push(type);
  })();
  await host.startNode("node-1");
  const entry = async () => (await host.operator.nodePage({ name: "node-0" })).nodes[0]!;
  const { node } = await entry();
  const calls = [keepCalling(small), keepCalling(large)];
  await host.operator.lendNode(node, { cores: 1, graceMs: 60_000 });
  await until(() => large.nodes[0] === "node-1", () => "the large lease has moved", 10_000);
  await until(async () => (await entry()).isSettled, () => "the node serves no more than it lends");
  const { state, cores, freeCores } = await entry();
  assertEquals([state, cores, freeCores], ["up", 1, 0]);
  assertEquals(host.executors(host.node).length, 1);
  for (const { count } of calls) {
    const before = count();
    await until(() => count() > before + 10, () => "calls go on");
  }
  for (const { stop } of calls) assertEquals(await stop(), []);
  assertEquals(small.nodes, ["node-0"]);
  await host.operator.lendNode(node);
  await until(async () => (await entry()).freeCores === 3, () => "it lends all cores again");
  await using another = await host.lease(client, { workers: 3 });
  assert(another.nodes.includes("node-0"));
  await small.close();
  await watching;
  assertEquals(seen.filter((type) => type !== "closed"), []);
});
