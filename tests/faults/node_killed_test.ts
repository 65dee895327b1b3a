/** Executor managers that are killed. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { openShm } from "../../fabric/shm/provider.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../runtime/control/control_channel.ts";
import { LeaseRefusedError, NodeLostError } from "../../runtime/errors.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { encodeManagerHello, ManagerRole } from "../../runtime/protocol/manager_hello.ts";
import { stop } from "../support/processes/process_child.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { isAlive } from "../support/processes/process_table.ts";
import { serveTerms } from "../support/cluster/serve_terms.ts";
import { limitMs } from "../support/time_factor.ts";
import { until, within } from "../support/waiting.ts";

const bytes = new Uint8Array(64).fill(5);

function nodeLost(call: Promise<unknown>): Promise<NodeLostError> {
  return assertRejects(
    () => within(1000, "a call's failure", call),
    NodeLostError,
    "node-0 is lost",
  );
}

Deno.test("a killed executor manager fails calls with NodeLostError, ends its executors, and serves after a restart", async (t) => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  await using hot = host.startClient("hotLoop");
  await hot.line();
  await using lease = await host.lease(client);
  const prepared = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
  prepared.invokeSync(64);
  await using early = new ManagerClient({ url: host.url, token: host.clientToken });
  const executors = host.executors();
  assertEquals(executors.length, 2);
  const before = await early.takeLease({ workers: 1, memoryBytes: 2 ** 28, termMs: 60_000 });

  await t.step("calls under way, waiting and prepared fail within a second", async () => {
    const calls = Array.from({ length: 6 }, () => lease.invoke("spin", bytes));
    const atMs = Date.now();
    const failures = Promise.all(calls.map((call) => nodeLost(call)));
    await host.node.kill();
    const outcomes = (await failures).map(({ outcome }) => outcome);
    console.log(`node killed to error, invoke: ${Date.now() - atMs} ms`);
    // Three of four slots were free. A call behind the first one has not begun, which the client learns if the executor
    // ends before the call fails.
    const sent = outcomes.slice(0, 3);
    assert(sent.every((outcome) => outcome === "unknown" || outcome === "not-run"), `${sent}`);
    assertEquals(outcomes.slice(3), Array(3).fill("not-run"));
    const { code, message } = await within(1000, "closed", lease.closed);
    assertEquals(code, "node-lost");
    assertMatch(message, /node node-0 is gone/);
    const failure = await hot.line<{ name: string; outcome: string; atMs: number }>();
    assertEquals(failure.name, "NodeLostError");
    assert(["unknown", "not-run"].includes(failure.outcome), failure.outcome);
    assert(failure.atMs - atMs < limitMs(1000), `${failure.atMs - atMs} ms`);
    console.log(`node killed to error, invokeSync: ${failure.atMs - atMs} ms`);
    assertEquals(await hot.ended(), { code: 0, signal: null, stderr: "" });
    await until(() => !executors.some(isAlive), () => "its executors end", 1000);
    await assertRejects(() => lease.invoke("echo", bytes), NodeLostError);
    prepared.close();
  });

  await t.step(
    "a restart under the same name has no leases, and refuses grants from before",
    async () => {
      const node = await host.startNode("node-0");
      assertEquals(host.executors(node), []);
      const listed = await early.nodes();
      assertEquals(listed.nodes.map(({ name, epoch }) => [name, epoch]), [["node-0", 2]]);
      const fabric = openShm();
      try {
        const { addresses } = listed.nodes[0]!;
        const connection = await fabric.connect(addresses[0]!, {
          ...controlOptions(16),
          privateData: encodeManagerHello(ManagerRole.CLIENT),
        });
        using channel = new ControlChannel(connection);
        const refused = await assertRejects(() =>
          channel.request("admit", {
            grant: before.grants[0]!.grant,
            ...serveTerms(),
            package: { sha256: "0".repeat(64), ...channel.lend(new Uint8Array(16)) },
          }), ControlError);
        assertEquals(refused.code, "bad-grant");
        assertMatch(refused.message, /epoch 1, the node is in epoch 2/);
      } finally {
        fabric.close();
        await fabric.closed;
      }
      await using next = await host.lease(client, { workers: 4 });
      assertEquals(await next.invoke("echo", bytes), bytes);
      await next.close();
      await host.idle();
    },
  );
});

Deno.test("a lease goes to a running node after another one was killed", async () => {
  await using host = await ProcessHost.start({ nodes: 2, cores: 2 });
  await using client = await host.connect();
  await host.nodes.get("node-1")!.kill();
  for (let i = 0; i < 4; i++) { // the killed node is still listed, and is the first candidate now and then
    await using lease = await host.lease(client, { workers: 2 });
    assertEquals(lease.nodes[0], "node-0");
    assertEquals(await lease.invoke("echo", bytes), bytes);
  }
  await host.node.kill();
  const error = await assertRejects(() => host.lease(client));
  assert(error instanceof NodeLostError || error instanceof LeaseRefusedError, `${error}`);
});

Deno.test("a lease goes to a running node while the first candidate hangs", async () => {
  await using host = await ProcessHost.start({ nodes: 2, cores: 2 });
  await using client = await host.connect();
  await stop(host.node.pid); // still listed, and the first of equals
  await using lease = await host.lease(client);
  assertEquals(lease.nodes, ["node-1"]);
  assertEquals(await lease.invoke("echo", bytes), bytes);
  host.node.signal("SIGCONT");
});

Deno.test("a call on a stopped executor fails when its node is killed", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  await using spinning = host.startClient("spinSync");
  await spinning.line();
  const [first] = host.executors();
  await using lease = await host.lease(client);
  await lease.invoke("echo", bytes);
  const executors = host.executors();
  assert(first !== undefined && executors.length === 2);
  for (const pid of executors) await stop(pid);
  const call = lease.invoke("echo", bytes);
  const failed = assertRejects(() => within(1000, "the call", call), NodeLostError);
  const atMs = Date.now();
  await host.node.kill();
  try {
    await failed;
    const failure = await spinning.line<{ name: string; atMs: number }>();
    assertEquals(failure.name, "NodeLostError");
    assert(failure.atMs - atMs < limitMs(1000), `${failure.atMs - atMs} ms`);
  } finally {
    for (const pid of executors) Deno.kill(pid, "SIGKILL");
  }
});

Deno.test("a lease that was lost with its node can be closed like any other", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const lease = await host.lease(client);
  await host.node.kill();
  await within(1000, "closed", lease.closed);
  await lease.close();
  await lease.close();
  await assertRejects(() => lease.map("echo", [bytes]), NodeLostError);
  assertThrows(() => lease.prepare("echo"), NodeLostError);
});
