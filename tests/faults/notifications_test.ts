/** Requests that an operator makes of a node reach it at once, not with its next heartbeat. */

import { assert, assertEquals } from "@std/assert";
import { DEFAULT_POOL } from "../../manager/executor/executors/executor_pool.ts";
import { connect } from "../../runtime/client/client.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { startCluster } from "../support/cluster/cluster.ts";
import { functionsPackage } from "../support/functions/functions_package.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { until, within } from "../support/waiting.ts";
import { RareBeats } from "../support/cluster/rare_beats.ts";
import { testFabric } from "../support/cluster/test_fabric.ts";
import { limitMs } from "../support/time_factor.ts";

const bytes = Uint8Array.of(1, 2, 3);

Deno.test("a node with one heartbeat in ten minutes follows an operator's requests at once", async () => {
  await using beats = new RareBeats();
  await using host = await ProcessHost.start({
    listen: "http://127.0.0.1:0",
    nodes: 0,
    via: (url) => beats.for(url),
  });
  const { operator } = host;
  const { token } = await operator.createToken({ role: "client", name: "ada" });
  await using client = await host.connect();
  await using ada = await connect({ manager: host.url, token, fabric: testFabric() });
  // At once, and all at a time: the node is lost 3 s after its last heartbeat, and a busy host is slow.
  await host.startNode("node-0");
  const leases = await Promise.all([client, client, ada].map((one) => host.lease(one)));
  await using kept = leases[0]!;
  await using ended = leases[1]!;
  await using revoked = leases[2]!;
  const { node } = (await operator.nodes()).nodes[0]!;

  const events = kept.status();
  await operator.drainNode(node, { graceMs: 600_000 });
  const noticed = (async () => {
    for await (const event of events) if (event.type === "draining") return event.graceMs;
    return undefined;
  })();
  assertEquals(await within(5000, "the draining event", noticed), 600_000);
  await operator.releaseLease(ended.id);
  assertEquals((await within(5000, "the lease's end", ended.closed)).code, "revoked");
  await operator.revokeToken("ada");
  assertEquals((await within(5000, "the end with the token", revoked.closed)).code, "revoked");
  assertEquals(await kept.invoke("echo", bytes), bytes);
  await operator.lendNode(node);
  let again = await host.lease(client).catch(() => undefined);
  await until(
    async () => (again ??= await host.lease(client).catch(() => undefined)) !== undefined,
    () => "the node takes leases again",
  );
  await again!.close();
  // One for each request, one for the first poll, one that confirms each change of what the node lends, and perhaps one
  // for an end that the node has reported.
  assert(beats.beats <= 11, `${beats.beats} heartbeats`);
});

Deno.test("a node that an operator drains moves its idle leases to another node, and is free within a second", async () => {
  await using cluster = await startCluster({ nodes: 2, pool: DEFAULT_POOL });
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const client = await cluster.connect();
  await using lease = await client.lease({ functions: await functionsPackage(), hotMs: 1 });
  const look = async (name: string) =>
    (await operator.nodes()).nodes.find((node) => node.name === name)!;
  const times: number[] = [];
  for (let round = 0; round < 10; round++) {
    const name = lease.nodes[0]!;
    const ready = () =>
      cluster.nodes.some(({ waitingExecutors }, i) => `node-${i}` !== name && waitingExecutors > 0);
    await until(ready, () => "an executor waits on the other node", 20_000);
    assertEquals(await lease.invoke("echo", bytes), bytes);
    const { node, cores } = await look(name);
    const sinceMs = performance.now();
    await operator.drainNode(node, { graceMs: 10_000 });
    await until(
      async () => (await look(name)).freeCores === cores,
      () => `${name} is free`,
      10_000,
    );
    times.push(performance.now() - sinceMs);
    assert(lease.nodes[0] !== name, "another node serves it");
    assertEquals(await lease.invoke("echo", bytes), bytes);
    await operator.lendNode(node);
  }
  times.sort((a, b) => a - b);
  console.log(`drain over HTTP to a free node: ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  assert(times[0]! < limitMs(1000), `${times}`);
});
