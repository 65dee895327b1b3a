/** What `rfaas top` prints once. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { readChange } from "../../../cli/top/shown_schema.ts";
import type { ShownState } from "../../../cli/top/shown_state.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { rfaas } from "../../support/cluster/rfaas_command.ts";
import { functionsPackage } from "../../support/functions/functions_package.ts";
import { HOSTILE, HOSTILE_CHANGE, ShownFeed } from "../../support/manager/shown_feed.ts";

Deno.test("rfaas top shows what a lease with load uses, and a client its own leases alone", async () => {
  await using cluster = await startCluster({ nodes: 2, cores: 2 });
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const { token: adas } = await operator.createToken({ role: "client", name: "ada" });
  await using client = await cluster.connect();
  await using lease = await client.lease({ functions: await functionsPackage(), workers: 2 });
  let isOver = false;
  const load = (async () => {
    while (!isOver) await lease.invoke("hold", Uint8Array.of(5));
  })();
  const top = async (token: string, arg: string) => {
    const env = { RFAAS_TOKEN: token, RFAAS_MANAGER: cluster.managerUrl };
    const { code, stdout, stderr } = await rfaas(["top", arg], { env });
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    return stdout;
  };
  try {
    const all = JSON.parse(await top(cluster.operatorToken, "--json")) as ShownState;
    assertEquals(all.nodes.map(({ name }) => name).sort(), ["node-0", "node-1"]);
    const [own] = all.leases;
    assertEquals([all.leases.length, own?.client, own?.workers], [1, "client", 2]);
    assert(own!.calls! > 0, `${own!.calls} calls a second`);
    assert(own!.computeCores > 0 && own!.computeCores <= 2, `${own!.computeCores} cores`);
    const serving = all.nodes.filter(({ leases }) => leases === 1);
    assertEquals(serving.map(({ name, allocatedCores }) => [name, allocatedCores]), [
      [own!.nodes[0]!, 2],
    ]);
    const others = JSON.parse(await top(adas, "--json")) as ShownState;
    assertEquals([others.leases, others.nodes.map(({ leases }) => leases)], [[], [0, 0]]);
    assertEquals([others.totals.leases, others.totals.allocatedCores], [1, 2]);
    const text = await top(cluster.clientToken, "--once");
    assertMatch(text, /^Nodes +2 up\nLeases +1\nWaiting +0\nCalls +\d/);
    assertMatch(text, /\nNODE +STATE .*\nnode-0 +up .*\nnode-1 +up /);
    assertMatch(text, new RegExp(`\nLEASE .*\n${own!.lease.slice(0, 8)} +client +2 .*node-\\d\n`));
  } finally {
    isOver = true;
    await load;
  }
});

Deno.test("rfaas top --once fails with the reason if there is no stream", async () => {
  const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${gone.addr.port}`;
  gone.close();
  const away = await rfaas(["top", "--once", "--manager", url], { env: { RFAAS_TOKEN: "x" } });
  assertEquals([away.code, away.stdout], [1, ""]);
  assertMatch(away.stderr, /^rfaas: Cannot follow cluster at http:\/\/127\.0\.0\.1:\d+: .*refused/);
  const wrong = await rfaas(["top", "--once", "--manager", url], { env: { RFAAS_TOKEN: "é" } });
  assertEquals(wrong.stderr, "rfaas: Cannot use token: it has characters that no token has\n");
  await using cluster = await startCluster({ nodes: 0 });
  const as = (token: string) =>
    rfaas(["top", "--once", "--manager", cluster.managerUrl], { env: { RFAAS_TOKEN: token } });
  const nodes = await as(cluster.nodeToken);
  assertEquals([nodes.code, nodes.stdout], [1, ""]);
  assertMatch(nodes.stderr, /needs the role/);
  const empty = await as(cluster.operatorToken);
  assertMatch(empty.stdout, /^Nodes +0 up\nLeases +0\n[^]*\nExecutors .*\n$/);
});

Deno.test("rfaas top --once reads from the next resource manager if the first one does not respond", async () => {
  await using feed = ShownFeed.start();
  const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${gone.addr.port}`;
  gone.close();
  const env = { ...feed.env, RFAAS_MANAGER: `${url},${feed.env.RFAAS_MANAGER}` };
  const { code, stdout, stderr } = await rfaas(["top", "--once"], { env });
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^Nodes /);
});

Deno.test("rfaas top --once shows the message of a response without success", async () => {
  await using feed = ShownFeed.start();
  for (
    const [status, text] of [
      [503, /^rfaas: Cannot follow cluster at \S+: Cannot show cluster: the test refuses it\n$/],
      [404, /: it is of another version, without this stream\n$/],
      [401, /^rfaas: Cannot show cluster: the test refuses it\n$/],
    ] as const
  ) {
    feed.status = status;
    const { code, stdout, stderr } = await rfaas(["top", "--once"], { env: feed.env });
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, text);
  }
});

Deno.test("`readChange()` refuses a message that is not valid, and names the field", () => {
  for (
    const [part, field] of [
      [{ totals: null }, "totals"],
      [{ nowMs: -1 }, "nowMs"],
      [{ nodes: [{}] }, "nodes.0.node"],
      [{ leases: [{ key: 1, lease: 5 }] }, "leases.0.lease"],
      [{ nodes: [{ ...HOSTILE_CHANGE.nodes[0], parts: [1, 2] }] }, "nodes.0.parts"],
    ] as const
  ) {
    const message = JSON.stringify({ ...HOSTILE_CHANGE, ...part });
    assertThrows(() => readChange(message), TypeError, `not valid: field ${field}: `);
  }
  assertThrows(() => readChange("<html>"), TypeError, "not JSON");
  const { starts: _, ...shown } = HOSTILE_CHANGE;
  assertEquals(readChange(JSON.stringify(HOSTILE_CHANGE)), shown);
});

Deno.test("rfaas top prints hostile names so that no terminal acts on them", async () => {
  await using feed = ShownFeed.start();
  const { code, stdout, stderr } = await rfaas(["top", "--once"], { env: feed.env });
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^[\x20-\x7e\n]+$/);
  const json = await rfaas(["top", "--json"], { env: feed.env });
  assertMatch(json.stdout, /^[\x20-\x7e]+\n$/);
  const { leases } = JSON.parse(json.stdout) as ShownState;
  assertEquals(leases.map(({ client }) => client), HOSTILE);
  // Each name is in one line: nodes, leases, waiting requests.
  assertEquals(stdout.split("\n\n").slice(1).map((table) => table.trim().split("\n").length), [
    HOSTILE.length + 1,
    HOSTILE.length + 1,
    HOSTILE.length + 1,
  ]);
});
