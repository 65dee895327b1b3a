/** The RDMA device is taken away while a process uses it, which only a machine of the tests' own may do. */

import { assertEquals } from "@std/assert";
import { openVerbs } from "../../fabric/verbs/provider.ts";
import { connectPair } from "../fabric/conformance/pair.ts";

/** Set in a machine that was booted for the tests. */
const ours = Deno.env.get("RFAAS_TIME_FACTOR") !== undefined;
const why = ours ? "" : " (only in a machine of the tests' own)";
const LIMIT_MS = 60_000;

async function rdmaLink(...args: string[]): Promise<string> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const { code, stdout, stderr } = await new Deno.Command("rdma", {
    args: ["link", ...args],
    signal,
  })
    .output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test({
  name: `verbs: a device that is removed ends its connections with a reason${why}`,
  ignore: !ours,
  fn: async () => {
    const [, netdev] = /netdev (\S+)/.exec(await rdmaLink("show"))!;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", new URL("outlive_device.ts", import.meta.url).href],
      signal: AbortSignal.timeout(LIMIT_MS),
      stdout: "piped",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    let said = (await lines.next()).value ?? "";
    // The kernel waits here until the last process has let go of the device.
    const removing = rdmaLink("delete", "rxe0");
    for (let line; !(line = await lines.next()).done;) said += line.value;
    await child.status;
    await removing;
    await rdmaLink("add", "rxe0", "type", "rxe", "netdev", netdev!);
    const removed = "error: the RDMA device was removed";
    assertEquals(said.trim().split("\n"), ["connected", removed, removed, "receive 1: status 5"]);
    await using again = await connectPair(openVerbs);
    assertEquals(again.a.state, "connected");
  },
});
