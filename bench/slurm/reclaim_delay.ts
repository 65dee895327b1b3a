/**
 * The delay that the Prolog of rfaas adds to batch jobs: Slurm and four nodes on this host, each job on a node that a
 * lease uses. Needs root and Slurm.
 *
 * ```sh
 * deno run --allow-all bench/slurm/reclaim_delay.ts 50 1 # jobs, workers of the lease; and a kind, such as "no lease"
 * ```
 */

import { DEFAULT_POOL } from "../../manager/executor/executors/executor_pool.ts";
import { LentSlurm } from "../../tests/support/slurm/lent_slurm.ts";
import { needsSlurm } from "../../tests/support/slurm/slurm_cluster.ts";
import { processorSeconds } from "../../tests/support/processes/process_table.ts";
import { until } from "../../tests/support/waiting.ts";

const NODES = 4;
const CPUS = 2;
/** Jobs that are not counted: the first ones fill caches, and pools grow. */
const WARM_UP_JOBS = 3;
/** As slurm.env has them. */
const SETTINGS = "RFAAS_SECONDS=2.8\nRFAAS_TIMEOUT=2.5\nRFAAS_GRACE=0.7";
const SETTLED_MS = 20_000;
/** Executors that take no more than a tenth of a core are not booting. */
const IDLE_MS = 300;
const IDLE_SECONDS = 0.03;

const KINDS = ["no lease", "a lease without calls", "a lease with calls"] as const;

if (needsSlurm !== "") throw new Error(`Cannot measure${needsSlurm}`);
const jobs = Number(Deno.args[0] ?? 50);
const workers = Number(Deno.args[1] ?? 1);
/** As shipped, and with as many executors that wait on each node as the lease has workers. */
const pool = { ...DEFAULT_POOL, initial: workers, min: workers };

await using lent = await LentSlurm.start({ nodes: NODES, cpus: CPUS, pool });
await lent.installHooks(SETTINGS);
const { slurm, host } = lent;
await timeProlog(slurm.dir);
await lent.command("reconcile");
await allLent();
const [, , only] = Deno.args;
for (const kind of KINDS) {
  if (only === undefined || only === kind) await measure(kind);
}

async function measure(kind: typeof KINDS[number]): Promise<void> {
  await using client = await host.connect();
  let isOver = false;
  const take = async () => {
    const taken = await host.lease(client, { workers, idempotent: true });
    isOver = false;
    taken.closed.then(() => isOver = true);
    return taken;
  };
  let lease = kind === "no lease" ? undefined : await take();
  let isRunning = kind === "a lease with calls";
  let calls = 0;
  let ended = 0;
  const calling = Array.from({ length: workers }, async () => {
    while (isRunning) {
      const called = await lease!.invoke("echo", new Uint8Array(64)).catch(() => undefined);
      if (called) calls++;
      else await new Promise((resolve) => setTimeout(resolve, 10)); // another lease is taken
    }
  });
  const seenMs: number[] = [];
  const requestMs: number[] = [];
  for (let i = -WARM_UP_JOBS; i < jobs; i++) {
    const node = lease?.nodes[0] ?? `node-${(i + NODES) % NODES}`;
    const before = lent.hookLog().length;
    await slurm.ended(await submitted(node, seenMs));
    requestMs.push(Number(/is free after (\d+) ms/.exec(lent.hookLog().slice(before))?.[1] ?? NaN));
    await allLent(isRunning ? lease?.nodes : []);
    if (isOver) {
      ended++;
      lease = await take();
    }
  }
  isRunning = false;
  for (const times of [seenMs, requestMs]) times.splice(0, WARM_UP_JOBS);
  await Promise.all(calling);
  await lease?.close();
  const load = (await Deno.readTextFile("/proc/loadavg")).split(" ").slice(0, 2).join(", ");
  console.log(
    `${kind}: the Prolog took ${percentiles(seenMs)}, its request ${percentiles(requestMs)} ms`,
    `(${jobs} jobs, load ${load}; ${ended} leases ended, ${calls} calls)`,
  );
}

async function submitted(node: string, seenMs: number[]): Promise<string> {
  const job = await slurm.submit("true", `--nodelist=${node}`);
  // Not by commands of Slurm, which would take the cores while the Prolog runs.
  let times = "";
  const read = () => (times = textOf(`${slurm.dir}/log/${job}.times`)) !== "";
  await until(read, () => `the Prolog of job ${job} has ended`, 30_000);
  const [begin, end] = times.split(" ");
  seenMs.push((Number(end) - Number(begin)) * 1000);
  return job;
}

function textOf(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch {
    return "";
  }
}

/**
 * Waits until all nodes lend and their executors wait, as those of a cluster do a second after a job.
 *
 * @param called nodes whose executors are called.
 */
async function allLent(called: readonly string[] = []): Promise<void> {
  const isLent = async () => {
    const { nodes } = await host.operator.nodes();
    return nodes.length === NODES && nodes.every(({ state }) => state === "up") &&
      [...host.nodes.values()].every((node) => host.executors(node).length >= workers);
  };
  await until(isLent, () => `all nodes lend; hooks:\n${lent.hookLog()}`, SETTLED_MS);
  // Those that boot take the cores, which they would have for themselves on hosts of their own.
  const pids = () =>
    [...host.nodes].flatMap(([name, node]) => called.includes(name) ? [] : host.executors(node));
  const seconds = () => pids().reduce((sum, pid) => sum + processorSeconds(pid), 0);
  const areIdle = async () => {
    const before = seconds();
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    return seconds() - before <= IDLE_SECONDS;
  };
  await until(areIdle, () => "the executors wait", SETTLED_MS);
}

/** Puts a script around the Prolog that writes when it began and when it ended. */
async function timeProlog(dir: string): Promise<void> {
  const hook = `${dir}/prolog.d/50-rfaas`;
  await Deno.rename(hook, `${dir}/prolog`);
  const script = `#!/bin/bash
begin=$EPOCHREALTIME
${dir}/prolog
status=$?
echo "$begin $EPOCHREALTIME" > ${dir}/log/$SLURM_JOB_ID.new
mv ${dir}/log/$SLURM_JOB_ID.new ${dir}/log/$SLURM_JOB_ID.times
exit $status
`;
  await Deno.writeTextFile(hook, script, { mode: 0o755 });
}

/** By the nearest rank. */
function percentiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]?.toFixed(0);
  return `least ${at(0)}, p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}`;
}
