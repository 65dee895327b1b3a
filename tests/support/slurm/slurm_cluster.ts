/** Slurm as processes on this host: munged, slurmctld, and a slurmd for each node. Needs root. */

import { freePorts } from "../free_ports.ts";
import { firstLine } from "../../../cli/children/first_line.ts";
import { commandOutput } from "../../../scripts/vm/command_output.ts";
import { isAlive } from "../processes/process_table.ts";
import { until } from "../waiting.ts";
import { exists } from "../exists.ts";

/** Whether Slurm can run on this host. */
const canRun = Deno.uid() === 0 &&
  ["/usr/sbin/munged", "/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/sbatch"].every(exists);
/** The end of a test's name where it is skipped. */
export const needsSlurm: string = canRun ? "" : " (needs root and Slurm)";

/** Prints the number of the daemon's process, and ends it with the test, however the test ends. */
const WRAPPER = `"$0" "$@" < /dev/null > "$LOG" 2>&1 &
  trap "kill -9 $!; exit" HUP INT TERM
  echo $!
  read -r _
  kill -9 $!`;

export interface SlurmOptions {
  /** The names of the nodes. */
  readonly nodes: readonly string[];
  readonly cpus: number;
  /** Whether each job has its nodes for itself. @default {true} */
  readonly exclusive?: boolean;
  /** More lines of slurm.conf. */
  readonly lines?: readonly string[];
}

/** A cluster without jobs. */
export class SlurmCluster implements AsyncDisposable {
  /** The folder of everything that it writes. */
  readonly dir: string;
  readonly #daemons = new Map<string, { child: Deno.ChildProcess; pid: number }>();
  readonly #nodes: readonly string[];

  private constructor(dir: string, nodes: readonly string[]) {
    this.dir = dir;
    this.#nodes = nodes;
  }

  /** Starts the daemons, and waits until all nodes are idle. `prolog.d` and `epilog.d` in its folder have the hooks. */
  static async start(options: SlurmOptions): Promise<SlurmCluster> {
    const dir = await Deno.makeTempDir({ prefix: "rfaas-slurm-" });
    await Deno.chmod(dir, 0o755);
    const slurm = new SlurmCluster(dir, options.nodes);
    try {
      for (const folder of ["state", "prolog.d", "epilog.d", "log"]) {
        await Deno.mkdir(`${dir}/${folder}`);
      }
      for (const folder of ["prolog.d", "epilog.d"]) { // Slurm drains a node if a pattern matches nothing
        await Deno.writeTextFile(`${dir}/${folder}/00-none`, "#!/bin/sh\n", { mode: 0o755 });
      }
      const key = crypto.getRandomValues(new Uint8Array(128));
      await Deno.writeFile(`${dir}/munge.key`, key, { mode: 0o600 });
      await Deno.writeTextFile(`${dir}/cgroup.conf`, "CgroupPlugin=cgroup/v1\n");
      await Deno.writeTextFile(`${dir}/slurm.conf`, configuration(dir, options));
      await slurm.#spawn("munged", "munged", [
        ...["--foreground", "--force", `--key-file=${dir}/munge.key`, `--socket=${dir}/munge.sock`],
        ...[`--pid-file=${dir}/munged.pid`, `--log-file=${dir}/log/munged.log`],
        `--seed-file=${dir}/munge.seed`,
      ]);
      await until(() => exists(`${dir}/munge.sock`), () => "munged listens", 10_000);
      await slurm.startController();
      for (const node of options.nodes) await slurm.startNode(node);
      await until(
        async () => (await slurm.states()).every((state) => state === "idle"),
        () => "all nodes of Slurm are idle",
        30_000,
      );
      return slurm;
    } catch (error) {
      await slurm[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What its commands need in their environment. */
  get env(): Record<string, string> {
    // The folders of daemons are not in every PATH.
    const path = `${Deno.env.get("PATH")}:/usr/sbin:/sbin`;
    return { SLURM_CONF: `${this.dir}/slurm.conf`, PATH: path };
  }

  async startController(): Promise<void> {
    await this.#spawn("slurmctld", "slurmctld", ["-D", "-f", `${this.dir}/slurm.conf`]);
  }

  async startNode(node: string): Promise<void> {
    await this.#spawn(node, "slurmd", ["-D", "-N", node, "-f", `${this.dir}/slurm.conf`]);
  }

  /** Ends a daemon: `slurmctld`, or that of a node. */
  async stop(name: string): Promise<void> {
    const { child, pid } = this.#daemons.get(name)!;
    this.#daemons.delete(name);
    Deno.kill(pid, "SIGTERM"); // it saves its state
    await until(() => !isAlive(pid), () => `${name} has ended`, 10_000).catch(() => {});
    await child.stdin.close();
    await child.status;
  }

  /** Runs a command of Slurm. @returns its output. */
  async run(...command: [string, ...string[]]): Promise<string> {
    return (await commandOutput(command, { env: this.env })).trim();
  }

  /** Submits a batch job. @returns its number. */
  submit(script: string, ...flags: string[]): Promise<string> {
    const parsable = ["--parsable", "--output=/dev/null", ...flags];
    return this.run("sbatch", ...parsable, `--wrap=${script}`);
  }

  /** The states of the nodes, in the order of their names. */
  async states(): Promise<string[]> {
    const output = await this.run("sinfo", "--noheader", "--Node", "--format=%N %T")
      .catch(() => ""); // slurmctld does not listen yet
    const states = new Map(output.split("\n").map((line) => line.split(" ") as [string, string]));
    return this.#nodes.map((node) => states.get(node) ?? "unknown");
  }

  /** Waits until a job and its Epilog have ended. */
  async ended(job: string): Promise<void> {
    await until(
      async () => await this.run("squeue", "--noheader", `--jobs=${job}`).catch(() => "") === "",
      () => `job ${job} has ended`,
      30_000,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemons.has("slurmctld")) {
      await this.run("scancel", "--user=root").catch(() => {});
      const queue = () => this.run("squeue", "--noheader").catch(() => "");
      await until(async () => await queue() === "", () => "no job is left", 30_000);
    }
    for (const name of [...this.#daemons.keys()].reverse()) await this.stop(name);
    await Deno.remove(this.dir, { recursive: true });
  }

  async #spawn(name: string, program: string, args: readonly string[]): Promise<void> {
    const child = new Deno.Command("sh", {
      args: ["-c", WRAPPER, program, ...args],
      env: { LOG: `${this.dir}/log/${name}.out`, ...this.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#daemons.set(name, { child, pid: Number(await firstLine(child.stdout)) });
  }
}

function configuration(
  dir: string,
  { nodes, cpus, exclusive = true, lines = [] }: SlurmOptions,
): string {
  const host = Deno.hostname().split(".")[0]!;
  const [controllerPort, ...ports] = freePorts(nodes.length + 1);
  return [
    "ClusterName=test",
    `SlurmctldHost=${host}(127.0.0.1)`,
    `SlurmctldPort=${controllerPort}`,
    "SlurmUser=root",
    `AuthInfo=socket=${dir}/munge.sock,cred_expire=5`, // a requeued job starts as much later
    `StateSaveLocation=${dir}/state`,
    `SlurmdSpoolDir=${dir}/spool-%n`,
    `SlurmctldPidFile=${dir}/slurmctld.pid`,
    `SlurmdPidFile=${dir}/%n.pid`,
    `SlurmctldLogFile=${dir}/log/slurmctld.log`,
    `SlurmdLogFile=${dir}/log/%n.log`,
    "ProctrackType=proctrack/linuxproc",
    "TaskPlugin=task/none",
    "JobAcctGatherType=jobacct_gather/none",
    "SwitchType=switch/none",
    "MpiDefault=none",
    "ReturnToService=2",
    "SelectType=select/cons_tres",
    "SelectTypeParameters=CR_Core",
    "SlurmdParameters=config_overrides",
    "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny",
    "PrologFlags=Alloc",
    `Prolog=${dir}/prolog.d/*`,
    `Epilog=${dir}/epilog.d/*`,
    "SchedulerParameters=batch_sched_delay=1,sched_interval=1",
    ...nodes.map((node, i) =>
      `NodeName=${node} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${
        ports[i]
      } CPUs=${cpus} RealMemory=1000`
    ),
    `PartitionName=all Nodes=${nodes.join(",")} Default=YES State=UP ` +
    `OverSubscribe=${exclusive ? "EXCLUSIVE" : "NO"}`,
    ...lines,
    "",
  ].join("\n");
}
