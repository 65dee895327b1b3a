/** Signals that reach all processes of a node: from a terminal, a service manager or a batch system. */

import { assert, assertEquals } from "@std/assert";
import { connect } from "../../runtime/client/client.ts";
import { TestManager } from "../support/manager/test_manager.ts";
import { descendants, isAlive } from "../support/processes/process_table.ts";
import { until, within } from "../support/waiting.ts";

const CLI = new URL("../../cli.ts", import.meta.url).href;
const functions = new TextEncoder().encode(`
export async function nap(input, output) {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  output[0] = 7;
  return 1;
}
export const echo = (input, output) => (output.set(input), input.length);
`);

/** Starts an executor manager, with a pool, in its own process group. */
async function startNode(test: TestManager) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--quiet", CLI, "executor-manager", "--json", "--fabric", "shm"],
      ...["--manager", test.url, "--token-file", test.manager.tokenFiles.node, "--name", "here"],
      ...[
        "--pool-max",
        "1",
        "--cores",
        "2",
        "--drain-seconds",
        "60",
        "--state",
        `${test.dir}/node`,
      ],
    ],
    env: { NO_COLOR: "1" },
    detached: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const reader = child.stdout.getReader();
  await within(20_000, "the node's start", reader.read());
  const drained = (async () => {
    while (!(await reader.read()).done);
  })();
  return { child, ended: Promise.all([child.status, errors, drained]) };
}

/** Whether the process handles SIGTERM: before that, the signal would end it. */
function catchesSigterm(pid: number): boolean {
  const caught = /^SigCgt:\s+([0-9a-f]+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  return (BigInt(`0x${caught![1]}`) >> 14n & 1n) === 1n; // bit 0 is signal 1
}

const SENDERS: Record<string, (pid: number) => void> = {
  "SIGINT to the process group, as a terminal sends it": (pid) => Deno.kill(-pid, "SIGINT"),
  "SIGTERM to each process, as a service manager sends it": (pid) => {
    for (const each of [...descendants(pid), pid]) Deno.kill(each, "SIGTERM");
  },
};

for (const [what, send] of Object.entries(SENDERS)) {
  Deno.test(`${what}, lets calls finish and leases have their grace period, and leaves nothing`, async () => {
    await using test = await TestManager.start();
    const { child, ended } = await startNode(test);
    try {
      await using client = await connect({
        manager: test.url,
        token: test.token("client"),
        fabric: "shm",
      });
      await using lease = await client.lease({ functions });
      await lease.invoke("echo", Uint8Array.of(1));
      await until(
        () => descendants(child.pid).filter(catchesSigterm).length === 2,
        () => "another executor waits",
        20_000,
      );
      const processes = [child.pid, ...descendants(child.pid)];
      const events = lease.status();
      const call = lease.invoke("nap", new Uint8Array());
      send(child.pid);
      const noticed = (async () => {
        for await (const event of events) if (event.type === "draining") return event.graceMs;
        return undefined;
      })();
      assertEquals(await within(20_000, "the draining event", noticed), 60_000);
      assertEquals(await call, Uint8Array.of(7));
      assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
      await lease.close();
      const [status, errors] = await within(20_000, "the node's end", ended);
      assertEquals(status.code, 0, errors);
      // A busy host may log late responses, but no loss of an executor.
      assert(!/crashed|killed|executor that waited/.test(errors), errors);
      const left = () => processes.filter(isAlive);
      await until(() => left().length === 0, () => `${left()} are gone`, 10_000);
      assert((await test.operator.nodes()).nodes.length === 0);
    } finally {
      if (isAlive(child.pid)) child.kill("SIGKILL");
      await ended;
    }
  });
}
