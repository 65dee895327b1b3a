/** The parts of `rfaas slurm` that need no Slurm; tests/integrations/slurm has a real one. */

import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { lendAfter, reclaim } from "../../../cli/slurm/hooks.ts";
import { cpusOf, NodeJobs } from "../../../cli/slurm/node_jobs.ts";
import { reconcile } from "../../../cli/slurm/reconcile.ts";
import {
  isLendable,
  parseSlurmNodes,
  readSlurmNodes,
  type SlurmNode,
} from "../../../cli/slurm/slurm_nodes.ts";
import { rfaas } from "../../support/cluster/rfaas_command.ts";
import { TestManager } from "../../support/manager/test_manager.ts";
import { limitMs } from "../../support/time_factor.ts";
import { until } from "../../support/waiting.ts";

/** A manager with the node `n1`, and a folder for the jobs. */
async function setUp() {
  await using opening = new AsyncDisposableStack();
  const test = opening.use(await TestManager.start());
  const { node } = await test.register("n1");
  const jobs = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  opening.defer(() => Deno.remove(jobs, { recursive: true }));
  const held = opening.move();
  const hook = (job: string, shared = 0) => ({
    manager: test.node,
    node: "n1",
    job,
    jobs,
    shared,
    graceMs: 0,
  });
  return {
    test,
    node,
    hook,
    reclaim: (job: string, timeoutMs = 0) => reclaim({ ...hook(job), cpus: 1, timeoutMs }),
    drainedBy: async () => (await test.operator.nodes()).nodes[0]!.drainedBy,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

const slurmNode = (state: string): SlurmNode => ({ name: "n1", state, cpus: 4, allocatedCpus: 0 });

Deno.test("`parseSlurmNodes()` reads each node once, whatever partitions it is in", () => {
  assertEquals(parseSlurmNodes("n1|mixed|2/2/0/4\nn2|down*|0/0/8/8\nn1|mixed|2/2/0/4\n"), [
    { name: "n1", state: "mixed", cpus: 4, allocatedCpus: 2 },
    { name: "n2", state: "down*", cpus: 8, allocatedCpus: 0 },
  ]);
  assertEquals(parseSlurmNodes(""), []);
  assertThrows(() => parseSlurmNodes("n1 idle"), Error, 'the output of sinfo: "n1 idle"');
});

Deno.test("`isLendable()` takes idle nodes without a mark only", () => {
  const states = "idle planned reserved idle~ idle* idle# idle$ idle@ mixed allocated completing";
  const lendable = `${states} drained draining down maint future unknown`.split(" ")
    .filter((state) => isLendable(slurmNode(state)));
  assertEquals(lendable, ["idle", "planned", "reserved"]);
});

Deno.test("`readSlurmNodes()` names a command that is missing or fails", async () => {
  await assertRejects(() => readSlurmNodes("/no/sinfo"), Error, "Cannot run /no/sinfo");
  await assertRejects(() => readSlurmNodes("/bin/false"), Error, "the nodes of Slurm: no response");
});

Deno.test("`reclaim()` drains a node, and fails if it is not free in time", async () => {
  await using set = await setUp();
  await assertRejects(() => set.reclaim("1"), Error, "Cannot reclaim n1 within 0 ms: 0 cores");
  assertEquals(await set.drainedBy(), ["slurm"]);
  const beat = async (lentRevision?: number) => {
    const body = { epoch: 1, leases: [], ...(lentRevision === undefined ? {} : { lentRevision }) };
    return (await set.test.node.heartbeat(set.node, body)).lent.revision;
  };
  let isOver = false;
  const reclaiming = set.reclaim("1", limitMs(20_000)).finally(() => isOver = true);
  while (!isOver) await beat(await beat()); // it drains the node again, which the node confirms as well
  assertMatch(await reclaiming, /^n1 is free after \d+ ms$/);
});

Deno.test("`reclaim()` records its job while another hook has the lock, and goes on after it", async () => {
  await using set = await setUp();
  const { promise, resolve } = Promise.withResolvers<void>();
  const other = (async () => {
    using known = await NodeJobs.open(set.hook("1").jobs, "n1");
    resolve();
    const recorded = async () => (await known.list()).some(({ cpus }) => cpus === 1);
    await until(recorded, () => "the job is recorded");
    assertEquals(await set.drainedBy(), []);
  })();
  await promise;
  const reclaiming = assertRejects(() => set.reclaim("1"), Error, "Cannot reclaim n1 within 0 ms");
  await other;
  await reclaiming;
  assertEquals(await set.drainedBy(), ["slurm"]);
});

Deno.test("`lendAfter()` lends a node once no job is on it, and leaves the operator's drain", async () => {
  await using set = await setUp();
  await assertRejects(() => set.reclaim("1"));
  await assertRejects(() => set.reclaim("2"));
  await assertRejects(() => set.reclaim("2")); // requeued
  assertEquals(await lendAfter(set.hook("1")), "n1 is not lent: jobs 2 are on it");
  assertEquals(await lendAfter(set.hook("1")), "n1 is not lent: jobs 2 are on it");
  assertEquals(await set.drainedBy(), ["slurm"]);
  await set.test.operator.drainNode(set.node, { graceMs: 0 });
  assertEquals(
    await lendAfter(set.hook("2")),
    "Cannot lend node n1 yet: operator still drains it",
  );
  await set.test.operator.lendNode(set.node);
  assertEquals(await lendAfter(set.hook("2")), "n1 is lent");
  await set.test.operator.removeNode(set.node);
  assertEquals(await lendAfter(set.hook("2")), "n1 lends nothing: it is not registered");
  assertEquals(await set.reclaim("3"), "n1 lends nothing: it is not registered");
});

Deno.test("`cpusOf()` is the most that a job has on any node, and all if that is not known", () => {
  const texts = ["4", "2(x3)", "1,8(x2),4", "", "4(x", "-1", "0", "2,none"];
  assertEquals(texts.map(cpusOf), [4, 2, 8, Infinity, Infinity, Infinity, Infinity, Infinity]);
});

Deno.test("a node that jobs share lends the cores that no job has", async () => {
  await using set = await setUp();
  const lent = async () => {
    const { state, cores } = (await set.test.operator.nodes()).nodes[0]!;
    return state === "up" ? cores : 0;
  };
  const start = (job: string, cpus: number) =>
    reclaim({ ...set.hook(job, 4), cpus, timeoutMs: 0 }).catch(() => {}); // no node confirms it
  const end = (job: string) => lendAfter(set.hook(job, 4));
  await start("1", 1);
  assertEquals(await lent(), 3);
  await start("2", 2);
  assertEquals(await lent(), 1);
  await start("3", 1);
  assertEquals(await lent(), 0);
  assertEquals(await end("2"), "n1 lends 2 cores beside jobs 1, 3");
  assertEquals(await lent(), 2);
  const { node } = set;
  await set.test.operator.drainNode(node, { graceMs: 60_000 });
  assertEquals(await end("3"), "n1 lends 0 cores beside jobs 1");
  await set.test.operator.lendNode(node).catch(() => {}); // Slurm still drains it
  assertEquals(await set.drainedBy(), ["slurm"]);
  await start("4", Infinity);
  assertEquals(await end("1"), "n1 lends 0 cores beside jobs 4");
  assertEquals(await end("4"), "n1 is lent");
  assertEquals(await lent(), 4);
});

Deno.test("`reconcile()` with `share` lends what jobs leave of a node", async () => {
  await using set = await setUp();
  const run = (state: string, allocatedCpus: number) =>
    reconcile({
      manager: set.test.node,
      graceMs: 0,
      dryRun: false,
      share: true,
      readSlurm: () => Promise.resolve([{ ...slurmNode(state), allocatedCpus }]),
    });
  assertEquals(await run("mixed", 3), ["n1 is mixed in Slurm, reclaim to 1 cores: done"]);
  assertEquals(await run("mixed", 3), []);
  assertEquals(await run("mixed", 2), ["n1 is mixed in Slurm, lend to 2 cores: done"]);
  assertEquals(await run("allocated", 4), ["n1 is allocated in Slurm, reclaim: done"]);
  assertEquals(await run("mixed-", 1), []);
  assertEquals(await run("idle", 0), ["n1 is idle in Slurm, lend: done"]);
});

Deno.test("`reconcile()` does not lend a node that a hook has drained since it read the nodes", async () => {
  await using set = await setUp();
  const run = (state: string, meanwhile?: () => Promise<unknown>) =>
    reconcile({
      manager: set.test.node,
      graceMs: 0,
      dryRun: false,
      share: false,
      readSlurm: async () => {
        await meanwhile?.();
        return [slurmNode(state)];
      },
    });
  assertEquals(await run("idle"), []);
  assertEquals(await run("mixed"), ["n1 is mixed in Slurm, reclaim: done"]);
  assertEquals(await run("mixed"), []);
  const [line] = await run("idle", () => set.reclaim("1").catch(() => {}));
  assertMatch(line!, /^n1 is idle in Slurm, lend: Cannot change node .*: it was drained or lent/);
  assertEquals(await set.drainedBy(), ["slurm"]);
  assertEquals(await run("idle"), ["n1 is idle in Slurm, lend: done"]);
  assertEquals(await set.drainedBy(), []);
});

Deno.test("`rfaas slurm reclaim` takes the node and the job from Slurm's variables, and checks them", async () => {
  const env = { SLURMD_NODENAME: "n1", SLURM_JOB_ID: "7" };
  const dry = await rfaas(["slurm", "reclaim", "--dry-run"], { env });
  assertEquals(dry, { code: 0, stdout: "Would reclaim n1 for job 7\n", stderr: "" });
  const bad = await rfaas(["slurm", "lend"], { env: { ...env, SLURM_JOB_ID: "../7" } });
  assertEquals(
    bad.stderr,
    "rfaas: Cannot run a hook of Slurm: use --job or set SLURM_JOB_ID\n",
  );
  assertEquals((await rfaas(["slurm", "lend", "--node", "../n1"])).code, 2);
});
