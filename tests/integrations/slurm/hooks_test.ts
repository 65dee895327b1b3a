/** The hooks of Slurm, most of them run by a real Slurm: batch jobs never share a node with leases. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Lease } from "../../../runtime/client/lease.ts";
import { LentSlurm } from "../../support/slurm/lent_slurm.ts";
import { needsSlurm } from "../../support/slurm/slurm_cluster.ts";
import { until } from "../../support/waiting.ts";

const bytes = Uint8Array.of(1, 2, 3);

/** Calls one after the other until one fails. */
function keepCalling(lease: Lease) {
  const wrong: unknown[] = [];
  let answered = 0;
  let isRunning = true;
  const calling = (async () => {
    while (isRunning && wrong.length === 0) {
      const output = await lease.invoke("echo", bytes).catch((error: Error) => error);
      if (output instanceof Uint8Array && output.join() === bytes.join()) answered++;
      else wrong.push(output);
    }
  })();
  return {
    answered: () => answered,
    stop: async () => {
      isRunning = false;
      await calling;
      return wrong;
    },
  };
}

Deno.test({
  name: `Slurm lends idle nodes, and reclaims them before the first line of a job${needsSlurm}`,
  ignore: needsSlurm !== "",
  fn: async (t) => {
    await using lent = await LentSlurm.start({ nodes: 2, cpus: 2 });
    const { host, slurm } = lent;
    const step = async (name: string, run: () => Promise<void>) => {
      if (!await t.step(name, run)) {
        throw new Error(`Cannot go on: ${name}; hooks:\n${lent.hookLog()}`);
      }
    };

    await step("nodes start drained, and idle ones are lent by `reconcile`", async () => {
      assertEquals((await lent.node("node-0")).drainedBy, ["slurm"]);
      const dry = await lent.command("reconcile", "--dry-run");
      assertEquals(dry, {
        code: 0,
        stdout: [0, 1].map((i) => `node-${i} is idle in Slurm, lend: would be changed\n`).join(""),
        stderr: "",
      });
      assertEquals((await lent.command("reconcile")).code, 0);
      for (const name of ["node-0", "node-1"]) await lent.hasState(name, "up");
      const status = await lent.command("status");
      assertMatch(status.stdout, /^NODE +SLURM +RFAAS .*\nnode-0 +idle +up +2 *\nnode-1 +idle +up/);
    });

    await using client = await host.connect();
    await using lease = await host.lease(client, { workers: 2, idempotent: true });
    const calls = keepCalling(lease);

    await step("a job has its node for itself, and the lease goes on on another", async () => {
      const name = lease.nodes[0]!;
      const job = await slurm.submit(lent.jobScript("first"), `--nodelist=${name}`);
      assertEquals(await lent.firstLine("first"), "", "no executor runs on the node");
      assertEquals((await lent.node(name)).state, "draining");
      const before = calls.answered();
      await until(() => calls.answered() > before + 10, () => "calls go on", 20_000);
      assert(!lease.nodes.includes(name), `it is on ${lease.nodes}`);
      await lent.end("first");
      await slurm.ended(job);
      await lent.hasState(name, "up");
      assertMatch(lent.hookLog(), new RegExp(`^${name} is free after \\d+ ms\n${name} is lent\n$`));
    });

    await step(
      "slurmctld and the resource manager restart, and the next job too has its node",
      async () => {
        await slurm.stop("slurmctld");
        await slurm.startController();
        host.resourceManager.signal("SIGKILL");
        await host.resourceManager.ended();
        await host.startResourceManager();
        await lent.hasState("node-0", "up");
        const job = await slurm.submit(lent.jobScript("second"), "--nodelist=node-0");
        assertEquals(await lent.firstLine("second"), "");
        await lent.end("second");
        await slurm.ended(job);
        await lent.hasState("node-0", "up");
      },
    );

    await step("a node that an operator drains is not lent after a job", async () => {
      const { node } = await lent.node("node-0");
      await host.operator.drainNode(node, { graceMs: 0 });
      const job = await slurm.submit("true", "--nodelist=node-0");
      await slurm.ended(job);
      await until(
        () => lent.hookLog().includes("operator still drains it"),
        () => `the Epilog has run:\n${lent.hookLog()}`,
      );
      assertEquals((await lent.node("node-0")).drainedBy, ["operator"]);
      await host.operator.lendNode(node);
      await lent.hasState("node-0", "up");
    });

    await step("`reconcile` repairs what lost hooks have left", async () => {
      await lent.loseHooks();
      const job = await slurm.submit(lent.jobScript("third"), "--nodelist=node-0");
      await lent.firstLine("third");
      assertEquals((await lent.node("node-0")).state, "up");
      const { stdout } = await lent.command("reconcile", "--grace", "40");
      assertEquals(stdout, "node-0 is allocated in Slurm, reclaim: done\n");
      const settled = async () => (await lent.node("node-0")).isSettled;
      await until(settled, () => "the node is free", 45_000);
      await lent.end("third");
      await slurm.ended(job);
      assertEquals((await lent.node("node-0")).state, "draining");
      await lent.command("reconcile");
      await lent.hasState("node-0", "up");
      assertEquals((await lent.command("reconcile")).stdout, "");
    });
    assertEquals(await calls.stop(), [], "each call was answered, whatever moved");

    await step(
      "a job starts although the resource manager is gone, and the fallback runs",
      async () => {
        await lent.installHooks(
          `RFAAS_FALLBACK="echo $SLURMD_NODENAME > ${slurm.dir}/fallback"\nRFAAS_SECONDS=1`,
        );
        host.resourceManager.signal("SIGKILL");
        await host.resourceManager.ended();
        const job = await slurm.submit("true", "--nodelist=node-1");
        await slurm.ended(job);
        assertEquals(await Deno.readTextFile(`${slurm.dir}/fallback`), "node-1\n");
        assertEquals(await slurm.states(), ["idle", "idle"]);
        await host.startResourceManager();
      },
    );
  },
});

Deno.test({
  name: `nodes that jobs share lend what the jobs leave${needsSlurm}`,
  ignore: needsSlurm !== "",
  fn: async () => {
    await using lent = await LentSlurm.start({ nodes: 1, cpus: 4, exclusive: false });
    const { host, slurm } = lent;
    await lent.installHooks("RFAAS_CPUS=4");
    const lends = (cores: number) =>
      until(
        async () => {
          const node = await lent.node("node-0");
          return node.state === "up" && node.cores === cores && node.isSettled;
        },
        () => `the node lends ${cores} cores; hooks:\n${lent.hookLog()}`,
        20_000,
      );
    await lent.command("reconcile", "--share");
    await lends(4);
    await using client = await host.connect();
    await using lease = await host.lease(client, { workers: 2, idempotent: true });
    const calls = keepCalling(lease);
    const first = await slurm.submit(lent.jobScript("first"), "--ntasks=1");
    await lent.firstLine("first");
    await lends(3);
    const second = await slurm.submit(lent.jobScript("second"), "--ntasks=1");
    await lent.firstLine("second");
    await lends(2);
    assertEquals((await lent.command("reconcile", "--share")).stdout, "");
    await lent.end("first");
    await slurm.ended(first);
    await lends(3);
    await lent.end("second");
    await slurm.ended(second);
    await lends(4);
    assert(calls.answered() > 0);
    assertEquals(await calls.stop(), [], "the lease beside the jobs went on");
  },
});

Deno.test("the Prolog ends with status 0 whatever its commands leave", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const write = (name: string, text: string) =>
      Deno.writeTextFile(`${dir}/${name}`, text, { mode: 0o755 });
    const hook = new URL("../../../integrations/slurm/prolog.d/50-rfaas", import.meta.url);
    await write("rfaas", `#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 1; done\n`);
    await write("fallback", `#!/bin/sh\nsleep 300 &\necho $! > ${dir}/pid\nexit 7\n`);
    await write("slurm.env", `RFAAS=${dir}/rfaas\nRFAAS_FALLBACK=${dir}/fallback\n`);
    const text = (await Deno.readTextFile(hook)).replace("/etc/rfaas/slurm.env", `${dir}/slurm.env`)
      .replaceAll("logger -t rfaas-slurm", `cat > ${dir}/log`);
    await write("prolog", text);
    const { code } = await new Deno.Command(`${dir}/prolog`, {
      env: { SLURM_JOB_ID: "7", SLURMD_NODENAME: "n1" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
      signal: AbortSignal.timeout(60_000), // a fifth of what the fallback leaves
    }).spawn().status;
    assertEquals(code, 0);
    const log = await Deno.readTextFile(`${dir}/log`);
    assertMatch(log, /^job 7 starts on n1 although .*\nRFAAS_FALLBACK has failed with status 7$/m);
  } finally {
    const pid = Number(await Deno.readTextFile(`${dir}/pid`).catch(() => ""));
    if (pid > 0) Deno.kill(pid, "SIGKILL");
    await Deno.remove(dir, { recursive: true });
  }
});
