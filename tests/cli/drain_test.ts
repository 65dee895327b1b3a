/** Taking a node back by command and by signal. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../mod.ts";
import { until, within } from "../support/process_table.ts";
import { isAlive, rfaas, startRfaas } from "./rfaas.ts";

const functions = new TextEncoder().encode(
  "export function echo(input, output) { output.set(input); return input.length; }",
);

Deno.test("drain and lend by name; SIGTERM gives leases their notice, and a second one ends them at once", async () => {
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
    assertMatch(unknown.stderr, /^rfaas: Cannot find node there: there is here\n$/);
    assertEquals((await rfaas(["drain", "here", "--notice", "600", ...operator])).code, 0);
    assertEquals(await state(), "draining");
    assertEquals((await rfaas(["lend", "here", ...operator])).code, 0);
    assertEquals(await state(), "up");

    const token = Deno.readTextFileSync(tokenFiles.client).trim();
    await using client = await connect({ manager: url, token, fabric: "shm" });
    // A node hears with its next heartbeat that it is lent again.
    let lease = await client.lease({ functions }).catch(() => undefined);
    await until(
      async () => Boolean(lease ??= await client.lease({ functions }).catch(() => undefined)),
      () => "the node takes leases again",
      10_000,
    );
    const events = lease!.status();
    Deno.kill(node.pid, "SIGTERM");
    const noticed = (async () => {
      for await (const event of events) if (event.type === "draining") return event.noticeMs;
      return undefined;
    })();
    assertEquals(await within(10_000, "the notice", noticed), 600_000);
    assertEquals(await lease!.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
    assert(isAlive(node.pid));
    assertEquals((await within(10_000, "the end at once", node.end("SIGTERM"))).code, 143);
    assertMatch(await within(10_000, "the lease's end", lease!.closed), /gone/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
