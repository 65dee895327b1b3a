/** Orders that are given by HTTP reach their node at once, not with its next heartbeat. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { DEFAULT_POOL } from "../../manager/executor/executor_pool.ts";
import { connect } from "../../runtime/client.ts";
import { ProcessHost } from "../support/process_host.ts";
import { until, within } from "../support/process_table.ts";
import { RareBeats } from "../support/rare_beats.ts";
import { testFabric } from "../support/test_fabric.ts";
import { limitMs } from "../support/time_factor.ts";

const bytes = Uint8Array.of(1, 2, 3);

Deno.test("a node that beats once in ten minutes hears at once of orders by HTTP", async () => {
  await using beats = new RareBeats();
  await using host = await ProcessHost.start({
    listen: "http://127.0.0.1:0",
    via: (url) => beats.for(url),
  });
  const { operator } = host;
  const { token } = await operator.createToken({ role: "client", name: "ada" });
  await using client = await host.connect();
  await using ada = await connect({ manager: host.url, token, fabric: testFabric() });
  await using kept = await host.lease(client);
  await using ended = await host.lease(client);
  await using revoked = await host.lease(ada);
  const { node } = (await operator.nodes()).nodes[0]!;

  const events = kept.status();
  await operator.drainNode(node, { noticeMs: 600_000 });
  const noticed = (async () => {
    for await (const event of events) if (event.type === "draining") return event.noticeMs;
    return undefined;
  })();
  assertEquals(await within(5000, "the notice", noticed), 600_000);
  await operator.endLease(ended.id);
  assertMatch(await within(5000, "the lease's end", ended.closed), /^over/);
  await operator.revokeToken("ada");
  assertMatch(await within(5000, "the end with the token", revoked.closed), /^over/);
  assertEquals(await kept.invoke("echo", bytes), bytes);
  await operator.lendNode(node);
  let again = await host.lease(client).catch(() => undefined);
  await until(
    async () => (again ??= await host.lease(client).catch(() => undefined)) !== undefined,
    () => "the node takes leases again",
  );
  await again!.close();
  // One for each order, one as it began to listen, and perhaps one for an end that it had told of itself.
  assert(beats.beats <= 8, `${beats.beats} heartbeats`);
});

Deno.test("drain by HTTP: idle leases move to another node, and the node is free within a moment", async () => {
  await using host = await ProcessHost.start({ nodes: 2, pool: DEFAULT_POOL });
  const { operator } = host;
  await using client = await host.connect();
  await using lease = await host.lease(client, { hotMs: 1 });
  const times: number[] = [];
  for (let round = 0; round < 10; round++) {
    const name = lease.nodes[0]!;
    const old = host.nodes.get(name)!;
    const [, next] = [...host.nodes].find(([other]) => other !== name)!;
    const ready = () => host.executors(next).length === 1;
    await until(ready, () => "the next node has one ready", 20_000);
    const { nodes } = await operator.nodes();
    const { node, cores } = nodes.find((each) => each.name === name)!;
    assertEquals(await lease.invoke("echo", bytes), bytes);
    const sinceMs = performance.now();
    await operator.drainNode(node, { noticeMs: 10_000 });
    await until(
      async () => host.executors(old).length === 0 && await host.freeCores(name) === cores,
      () => `${name} is free`,
      10_000,
    );
    times.push(performance.now() - sinceMs);
    assert(lease.nodes[0] !== name, "another node serves it");
    assertEquals(await lease.invoke("echo", bytes), bytes);
    await operator.lendNode(node);
  }
  times.sort((a, b) => a - b);
  console.log(`order by HTTP to a free node: ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  assert(times[0]! < limitMs(1000), `${times}`);
});
