/** Draining a node by command and by signal. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../mod.ts";
import { until, within } from "../support/waiting.ts";
import { rfaas, startRfaas } from "../support/cluster/rfaas_command.ts";
import { FakeClock, TestManager } from "../support/manager/test_manager.ts";
import { isAlive } from "../support/processes/process_table.ts";

const functions = new TextEncoder().encode(
  "export function echo(input, output) { output.set(input); return input.length; }",
);

Deno.test("drain and lend take a name; SIGTERM starts a grace period, and another signal ends leases at once", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    await using manager = await startRfaas(
      ["manager", "--listen", "http://127.0.0.1:0", "--state", `${folder}/state`],
    );
    const { urls: [url], tokenFiles } = manager.ready;
    await using node = await startRfaas([
      ...["executor", "--manager", url, "--token-file", tokenFiles.node, "--name", "here"],
      ...["--cores", "1", "--fabric", "shm", "--drain-seconds", "600", "--state", `${folder}/node`],
    ]);
    const operator = ["--manager", url, "--token-file", tokenFiles.operator];
    const state = async () => {
      const { stdout } = await rfaas(["nodes", "--json", ...operator]);
      return JSON.parse(stdout).nodes[0].state;
    };

    const unknown = await rfaas(["drain", "there", ...operator]);
    assertEquals(unknown.code, 1);
    assertMatch(unknown.stderr, /^rfaas: Cannot find node "there": known nodes are here\n$/);
    assertEquals((await rfaas(["drain", "here", "--grace", "600", ...operator])).code, 0);
    assertEquals(await state(), "draining");
    assertEquals((await rfaas(["lend", "here", ...operator])).code, 0);
    assertEquals(await state(), "up");

    const token = Deno.readTextFileSync(tokenFiles.client).trim();
    await using client = await connect({ manager: url, token, fabric: "shm" });
    // The response to its next heartbeat lends the node again.
    let lease = await client.lease({ functions }).catch(() => undefined);
    await until(
      async () => Boolean(lease ??= await client.lease({ functions }).catch(() => undefined)),
      () => "the node takes leases again",
      10_000,
    );
    const events = lease!.status();
    Deno.kill(node.pid, "SIGTERM");
    const graceMs = (async () => {
      for await (const event of events) if (event.type === "draining") return event.graceMs;
      return undefined;
    })();
    assertEquals(await within(10_000, "the grace period", graceMs), 600_000);
    assertEquals(await lease!.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
    assert(isAlive(node.pid));
    assertEquals((await within(10_000, "the end at once", node.end("SIGINT"))).code, 130);
    assertEquals((await within(10_000, "the lease's end", lease!.closed)).code, "node-lost");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("remove takes a node off the list once it is lost, and refuses one that is up", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read }); // no node is lost meanwhile
  await test.register("here");
  const remove = (...args: string[]) =>
    rfaas(["remove", ...args], {
      env: { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token("operator") },
    });
  const refused = await remove("here");
  assertEquals(refused.code, 1);
  assertMatch(refused.stderr, /Cannot remove node "here": it is up: stop its executor manager/);
  assertMatch((await remove("there")).stderr, /Cannot find node "there": known nodes are here/);
  assertEquals(await remove("here", "--force"), { code: 0, stdout: "", stderr: "" });
  assertEquals((await test.operator.nodes()).nodes, []);
});
