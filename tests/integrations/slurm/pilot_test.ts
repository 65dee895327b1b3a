/** Pilot jobs of a real Slurm: an executor manager as a job that another job preempts. */

import { assertEquals, assertMatch } from "@std/assert";
import { rfaas } from "../../support/cluster/rfaas_command.ts";
import { ProcessHost } from "../../support/processes/process_host.ts";
import { needsSlurm, SlurmCluster } from "../../support/slurm/slurm_cluster.ts";
import { until } from "../../support/waiting.ts";
import { exists } from "../../support/exists.ts";

const LIMIT_MS = 30_000;

Deno.test({
  name: `a pilot job lends its node, gives way to a job, and comes back after it${needsSlurm}`,
  ignore: needsSlurm !== "",
  fn: async () => {
    await using slurm = await SlurmCluster.start({
      nodes: ["n1", "n2"],
      cpus: 2,
      lines: [
        "PreemptType=preempt/partition_prio",
        "PreemptMode=REQUEUE",
        "PartitionName=idle Nodes=ALL PriorityTier=0 PreemptMode=REQUEUE",
      ],
    });
    await using host = await ProcessHost.start({ nodes: 0 });
    const { token } = await host.operator.createToken({ role: "node", name: "pilots" });
    await Deno.writeTextFile(`${slurm.dir}/token`, token, { mode: 0o600 });
    const { code, stdout, stderr } = await rfaas(
      [
        ...["slurm", "pilot", "--manager", host.url, "--token-file", `${slurm.dir}/token`],
        ...["--", "--partition=idle", "--exclusive", "--array=1-2"],
        `--output=${slurm.dir}/log/pilot-%a.out`,
      ],
      { env: slurm.env },
    );
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertMatch(stdout, /^Submitted batch job \d+\n$/);
    const log = () => [1, 2].map((i) => readIfThere(`${slurm.dir}/log/pilot-${i}.out`)).join("");
    const lending = async () =>
      (await host.operator.nodes()).nodes.filter(({ state }) => state === "up")
        .map(({ name }) => name).sort();
    const lends = (...names: string[]) =>
      until(
        async () => (await lending()).join() === names.join(),
        () => `${names} lend; pilots:\n${log()}`,
        LIMIT_MS,
      );
    await lends("n1", "n2");

    await using client = await host.connect();
    await using lease = await host.lease(client, { idempotent: true });
    const [left] = lease.nodes;
    const stays = left === "n1" ? "n2" : "n1";
    const file = `${slurm.dir}/job`;
    const job = await slurm.submit(
      `pgrep -f 'executor-manager.*${slurm.dir}/token.*--name ${left}' > ${file}.pids
      mv ${file}.pids ${file}; while ! [ -e ${file}.end ]; do sleep 0.1; done`,
      `--nodelist=${left}`,
    );
    // The calls go on meanwhile, and move to the other node.
    await until(
      async () => {
        assertEquals(await lease.invoke("echo", Uint8Array.of(7)), Uint8Array.of(7));
        return lease.nodes.join() === stays && (await lending()).join() === stays;
      },
      () => `the lease is on ${stays}, and not on ${lease.nodes}; pilots:\n${log()}`,
      LIMIT_MS,
    );
    await until(() => exists(file), () => `the job runs; pilots:\n${log()}`, LIMIT_MS);
    assertEquals(await Deno.readTextFile(file), "", "no executor manager is beside the job");
    await Deno.writeTextFile(`${file}.end`, "");
    await slurm.ended(job);
    await lends("n1", "n2"); // requeued
  },
});

Deno.test({
  name: `pilot jobs share a node, whatever flags and variables they have${needsSlurm}`,
  ignore: needsSlurm !== "",
  fn: async () => {
    await using slurm = await SlurmCluster.start({ nodes: ["n1"], cpus: 4, exclusive: false });
    await using host = await ProcessHost.start({ nodes: 0 });
    const { token } = await host.operator.createToken({ role: "node", name: "pilots" });
    await Deno.writeTextFile(`${slurm.dir}/token`, token, { mode: 0o600 });
    const { code, stderr } = await rfaas(
      [
        ...["slurm", "pilot", "--manager", host.url, "--token-file", `${slurm.dir}/token`],
        ...["--", "--array=1-2", "--ntasks=2", "--mem-per-cpu=150", "--export=DENO_DIR"],
        `--output=${slurm.dir}/log/pilot-%a.out`,
      ],
      // As within another job. Slurm makes the last folder of TMPDIR, but not those above it.
      {
        env: {
          ...slurm.env,
          ...{ SLURM_JOB_ID: "1", SLURM_MEM_PER_NODE: "100" },
          TMPDIR: `${slurm.dir}/none/tmp`,
        },
      },
    );
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    const nodes = async () => (await host.operator.nodes()).nodes;
    await until(
      async () => (await nodes()).filter(({ state }) => state === "up").length === 2,
      () =>
        `both lend; pilots:\n${[1, 2].map((i) => readIfThere(`${slurm.dir}/log/pilot-${i}.out`))}`,
      LIMIT_MS,
    );
    for (const { name, maxCores, memoryBytes } of await nodes()) {
      assertMatch(name, /^n1-\d+$/);
      assertEquals({ maxCores, memoryBytes }, { maxCores: 2, memoryBytes: 240 * 2 ** 20 });
    }
    assertEquals((await nodes()).length, 2);
  },
});

function readIfThere(file: string): string {
  return exists(file) ? Deno.readTextFileSync(file) : "";
}
