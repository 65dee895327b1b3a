/** Signals that reach a whole node at once: from a terminal, a service manager, a batch system. */

import { assert, assertEquals } from "@std/assert";
import { connect } from "../../runtime/client/client.ts";
import { TestManager } from "../manager/resource_support.ts";
import { children, isAlive, until, within } from "../support/process_table.ts";

const CLI = new URL("../../cli.ts", import.meta.url).href;
const functions = new TextEncoder().encode(`
export async function nap(input, output) {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  output[0] = 7;
  return 1;
}
export const echo = (input, output) => (output.set(input), input.length);
`);

/** An executor manager in a process group of its own, with its pool. */
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
  const said = new Response(child.stderr).text();
  const reader = child.stdout.getReader();
  await within(20_000, "the node's start", reader.read());
  const drained = (async () => {
    while (!(await reader.read()).done);
  })();
  return { child, ended: Promise.all([child.status, said, drained]) };
}

/** Has it come so far that signals are no longer its end? */
function catchesSigterm(pid: number): boolean {
  const caught = /^SigCgt:\s+([0-9a-f]+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  return (BigInt(`0x${caught![1]}`) >> 14n & 1n) === 1n; // bit 0 is signal 1
}

const SENDERS: Record<string, (pid: number) => void> = {
  "SIGINT to the process group, as a terminal sends it": (pid) => Deno.kill(-pid, "SIGINT"),
  "SIGTERM to each process, as a service manager sends it": (pid) => {
    for (const each of [...children(pid), pid]) Deno.kill(each, "SIGTERM");
  },
};

for (const [what, send] of Object.entries(SENDERS)) {
  Deno.test(`${what}: calls finish, leases have their notice, nothing is left`, async () => {
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
        () => children(child.pid).filter(catchesSigterm).length === 2,
        () => "another executor waits",
        20_000,
      );
      const processes = [child.pid, ...children(child.pid)];
      const events = lease.status();
      const call = lease.invoke("nap", new Uint8Array());
      send(child.pid);
      const noticed = (async () => {
        for await (const event of events) if (event.type === "draining") return event.noticeMs;
        return undefined;
      })();
      assertEquals(await within(20_000, "the notice", noticed), 60_000);
      assertEquals(await call, Uint8Array.of(7));
      assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
      await lease.close();
      const [status, said] = await within(20_000, "the node's end", ended);
      assertEquals(status.code, 0, said);
      // A busy host may have made an answer late, and that is told; no executor was lost.
      assert(!/crashed|killed|executor that waited/.test(said), said);
      const left = () => processes.filter(isAlive);
      await until(() => left().length === 0, () => `${left()} are gone`, 10_000);
      assert((await test.operator.nodes()).nodes.length === 0);
    } finally {
      if (isAlive(child.pid)) child.kill("SIGKILL");
      await ended;
    }
  });
}
