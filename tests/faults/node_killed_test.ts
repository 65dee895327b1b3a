/** What holds when an executor manager is killed. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { openShm } from "../../fabric/shm/provider.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../runtime/control/control_channel.ts";
import { LeaseRefused, NodeLost } from "../../runtime/errors.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { encodeManagerHello, ManagerRole } from "../../runtime/protocol/manager_hello.ts";
import { stop } from "../support/process_child.ts";
import { ProcessHost } from "../support/process_host.ts";
import { isAlive, until, within } from "../support/process_table.ts";
import { limitMs } from "../support/time_factor.ts";

const bytes = new Uint8Array(64).fill(5);

function nodeLost(call: Promise<unknown>): Promise<NodeLost> {
  return assertRejects(() => within(1000, "a call's failure", call), NodeLost, "node-0 is lost");
}

Deno.test("a killed executor manager: calls fail with NodeLost, its executors end, and a new one serves", async (t) => {
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
  const before = await early.takeLease({ workers: 1, memoryBytes: 2 ** 28, seconds: 60 });

  await t.step("what was under way, waiting or prepared fails within a second", async () => {
    const calls = Array.from({ length: 6 }, () => lease.invoke("spin", bytes));
    const atMs = Date.now();
    const failures = Promise.all(calls.map((call) => nodeLost(call)));
    await host.node.kill();
    const outcomes = (await failures).map(({ outcome }) => outcome);
    console.log(`node killed to error, invoke: ${Date.now() - atMs} ms`);
    assertEquals(outcomes.slice(0, 3), Array(3).fill("unknown"), "three of four slots were free");
    assertEquals(outcomes.slice(3), Array(3).fill("not-run"));
    assertMatch(await within(1000, "closed", lease.closed), /node node-0 is gone/);
    const told = await hot.line<{ name: string; outcome: string; atMs: number }>();
    assertEquals([told.name, told.outcome], ["NodeLost", "unknown"]);
    assert(told.atMs - atMs < limitMs(1000), `${told.atMs - atMs} ms`);
    console.log(`node killed to error, invokeSync: ${told.atMs - atMs} ms`);
    assertEquals(await hot.ended(), { code: 0, signal: null, stderr: "" });
    await until(() => !executors.some(isAlive), () => "its executors end", 1000);
    await assertRejects(() => lease.invoke("echo", bytes), NodeLost);
    prepared.close();
  });

  await t.step(
    "started again under its name it is clean, and refuses what was granted before",
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
            workers: 1,
            depth: 1,
            maxBytes: 64,
            hotMs: 0,
            package: { sha256: "0".repeat(64), ...channel.lend(new Uint8Array(16)) },
          }), ControlError);
        assertEquals(refused.code, "bad-grant");
        assertMatch(refused.message, /epoch 1, now is 2/);
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

Deno.test("a lease goes to a node that lives when another one was killed", async () => {
  await using host = await ProcessHost.start({ nodes: 2, cores: 2 });
  await using client = await host.connect();
  await host.nodes.get("node-1")!.kill();
  for (let i = 0; i < 4; i++) { // the dead one is still on the list, and comes first now and then
    await using lease = await host.lease(client, { workers: 2 });
    assertEquals(lease.nodes[0], "node-0");
    assertEquals(await lease.invoke("echo", bytes), bytes);
  }
  await host.node.kill();
  const error = await assertRejects(() => host.lease(client));
  assert(error instanceof NodeLost || error instanceof LeaseRefused, `${error}`);
});

Deno.test("a stopped executor does not hide that its node is gone", async () => {
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
  const failed = assertRejects(() => within(1000, "the call", call), NodeLost);
  const atMs = Date.now();
  await host.node.kill();
  try {
    await failed;
    const told = await spinning.line<{ name: string; atMs: number }>();
    assertEquals(told.name, "NodeLost");
    assert(told.atMs - atMs < limitMs(1000), `${told.atMs - atMs} ms`);
  } finally {
    for (const pid of executors) Deno.kill(pid, "SIGKILL");
  }
});

Deno.test("a lease that was lost with its node is closed like any other", async () => {
  await using host = await ProcessHost.start();
  await using client = await host.connect();
  const lease = await host.lease(client);
  await host.node.kill();
  await within(1000, "closed", lease.closed);
  await lease.close();
  await lease.close();
  await assertRejects(() => lease.map("echo", [bytes]), NodeLost);
  assertThrows(() => lease.prepare("echo"), NodeLost);
});
