/** `rfaas slurm`: what Slurm's hooks run, and what repairs after lost ones. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { abortable, delay } from "../../std/async.ts";
import {
  addManagerOptions,
  findManager,
  type ManagerOptions,
  managerUrl,
} from "../options/manager_options.ts";
import { integerFrom, number } from "../options/number_argument.ts";
import { readPrivateToken } from "../options/token.ts";
import { ownCommand } from "../own_command.ts";
import { ShutdownSignal } from "../shutdown_signal.ts";
import { type HookOptions, lendAfter, reclaim } from "../slurm/hooks.ts";
import { cpusOf } from "../slurm/node_jobs.ts";
import { match, reconcile } from "../slurm/reconcile.ts";
import { pilotCommandLine, shellQuoted } from "../slurm/pilot.ts";
import { readSlurmNodes } from "../slurm/slurm_nodes.ts";
import { table } from "../table.ts";
import { visibleText } from "../visible_text.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";

interface Options extends CommonOptions, ManagerOptions {
  dryRun?: true;
}

interface HookFlags extends Options {
  node?: string;
  job?: string;
  jobs: string;
  share?: true;
  cpus: number;
  grace: number;
}

interface ReclaimFlags extends HookFlags {
  timeout: number;
}

interface PilotFlags extends CommonOptions {
  manager?: string;
  tokenFile: string;
  grace: number;
  dryRun?: true;
}

interface ReconcileFlags extends Options {
  grace: number;
  share?: true;
  every?: number;
}

/** How long one request of a hook may take: a job waits for it. */
const REQUEST_TIMEOUT_MS = 2000;
/** A name that is a file too. */
const NAME = /^(?!\.)[A-Za-z0-9._-]{1,128}$/;

export function slurmCommand(): Command {
  return newCommand(
    "slurm",
    "Lend the idle nodes of a Slurm cluster, and reclaim them before a job starts.",
    "$ rfaas slurm status",
  )
    .addCommand(reclaimCommand())
    .addCommand(lendCommand())
    .addCommand(statusCommand())
    .addCommand(reconcileCommand())
    .addCommand(pilotCommand());
}

function reclaimCommand(): Command {
  return addHookOptions(
    newCommand(
      "reclaim",
      "Drain this node and wait until it is free: run by Slurm's Prolog.",
      "$ rfaas slurm reclaim --node n1 --job 42",
    ),
  )
    .option("--timeout <seconds>", "Time to wait until the node is free", number, 2.5)
    .action(async ({ timeout, ...options }: ReclaimFlags) => {
      const hook = hookOf(options);
      if (options.dryRun) return console.log(`Would reclaim ${hook.node} for job ${hook.job}`);
      using manager = await managerOf(options);
      const cpus = cpusOf(Deno.env.get("SLURM_JOB_CPUS_PER_NODE") ?? "");
      printText(await reclaim({ manager, ...hook, cpus, timeoutMs: timeout * 1000 }));
    });
}

function lendCommand(): Command {
  return addHookOptions(
    newCommand(
      "lend",
      "Lend this node again unless other jobs are on it: run by Slurm's Epilog.",
      "$ rfaas slurm lend --node n1 --job 42",
    ),
  ).action(async (options: HookFlags) => {
    const hook = hookOf(options);
    if (options.dryRun) return console.log(`Would lend ${hook.node} after job ${hook.job}`);
    using manager = await managerOf(options);
    printText(await lendAfter({ manager, ...hook }));
  });
}

function statusCommand(): Command {
  return addOptions(
    newCommand("status", "Compare the nodes of Slurm and of rfaas.", "$ rfaas slurm status"),
  ).addOption(shareOption()).action(async (options: Options & { share?: true }) => {
    using manager = await managerOf(options);
    const { nodes } = await manager.nodes();
    const matched = match(nodes, await readSlurmNodes(), options.share === true);
    if (matched.length === 0) return console.log("No node of Slurm is registered with rfaas.");
    console.log(table(
      ["NODE", "SLURM", "RFAAS", "CORES", "DRAINED BY", "TO DO"],
      matched.map(({ node, slurm, action = "" }) => [
        node.name,
        slurm.state,
        node.state,
        node.cores,
        node.drainedBy.join(" "),
        action,
      ]),
    ));
  });
}

function reconcileCommand(): Command {
  return addOptions(
    newCommand(
      "reconcile",
      "Repair what lost hooks have left: reclaim nodes with jobs, and lend idle ones.",
      `$ rfaas slurm reconcile --dry-run
    $ rfaas slurm reconcile --every 60`,
    ),
  )
    .option("--dry-run", "Print what would be done")
    .option("--grace <seconds>", "Time for leases to move to other nodes", number, 0.7)
    .addOption(shareOption())
    .option("--every <seconds>", "Repeat it until a signal ends it", integerFrom(1))
    .action(async ({ grace, every, share, ...options }: ReconcileFlags) => {
      using shutdown = new ShutdownSignal();
      using manager = await managerOf(options);
      const run = async () => {
        const lines = await reconcile({
          manager,
          graceMs: Math.round(grace * 1000),
          readSlurm: readSlurmNodes,
          share: share === true,
          dryRun: options.dryRun === true,
        });
        for (const line of lines) printText(line);
      };
      if (every === undefined) return await run();
      const { signal } = shutdown;
      while (!signal.aborted) {
        await abortable(run(), signal).catch((error: Error) => {
          if (!signal.aborted) console.error(visibleText(`rfaas: ${error.message}`)); // the next round may succeed
        });
        await delay(every * 1000, { signal }).catch(() => {});
      }
    });
}

function pilotCommand(): Command {
  return newCommand(
    "pilot",
    "Submit a preemptible job that lends the processors of its allocation.",
    `$ rfaas slurm pilot --token-file /etc/rfaas/node.token -- --partition=idle --exclusive
    $ rfaas slurm pilot --token-file /etc/rfaas/node.token -- --partition=idle --cpus-per-task=8 --array=1-16`,
  )
    .option(
      "--manager <url>",
      "Resource manager; of several, all with commas between them (default: RFAAS_MANAGER)",
    )
    .requiredOption("--token-file <file>", "File with the node token, on each node")
    .option(
      "--grace <seconds>",
      "Time for leases to move when the job is preempted; less than KillWait of Slurm",
      integerFrom(0),
      10,
    )
    .option("--dry-run", "Print the command that submits the job")
    .argument("[flags...]", "Flags of sbatch, after --")
    .action(async (flags: string[], options: PilotFlags) => {
      const { tokenFile, grace: graceSeconds } = options;
      const [program, ...args] = pilotCommandLine(
        {
          program: ownCommand(),
          manager: managerUrl(options.manager),
          tokenFile,
          graceSeconds,
        },
        flags,
        Deno.env.toObject(),
      );
      if (options.dryRun) return console.log([program!, ...args].map(shellQuoted).join(" "));
      await submit(program!, args);
    });
}

/** Has no time limit: a job of which `sbatch` reports nothing may have been submitted. Its warnings are shown. */
async function submit(program: string, args: readonly string[]): Promise<void> {
  let status: Deno.CommandStatus;
  try {
    status = await new Deno.Command(program, { args: [...args], stdin: "null" }).spawn().status;
  } catch (cause) {
    throw new Error(`Cannot run ${program}`, { cause });
  }
  if (!status.success) {
    throw new Error(`Cannot submit the pilot job: ${program} ended with ${status.code}`);
  }
}

function addOptions(command: Command): Command {
  return addManagerOptions(command, "operator's or node's private");
}

function addHookOptions(command: Command): Command {
  return addOptions(command)
    .option("--node <name>", "Name of the node (default: SLURMD_NODENAME)", name)
    .option("--job <number>", "Number of the job (default: SLURM_JOB_ID)", name)
    .option("--jobs <folder>", "Folder with the jobs on the nodes of this host", "/run/rfaas/slurm")
    .addOption(shareOption())
    .option(
      "--cpus <number>",
      "Processors of the node for --share",
      integerFrom(1),
      navigator.hardwareConcurrency,
    )
    .option("--grace <seconds>", "Time for leases to move to other nodes", number, 0.7)
    .option("--dry-run", "Print what would be done");
}

function shareOption(): Option {
  return new Option("--share", "Lend the processors of a node that no job has");
}

function name(text: string): string {
  if (NAME.test(text)) return text;
  throw new InvalidArgumentError("expected 1 to 128 letters, digits, '.', '_' or '-'");
}

function hookOf(
  { node, job, jobs, share, cpus, grace }: HookFlags,
): Omit<HookOptions, "manager"> {
  return {
    shared: share ? cpus : 0,
    graceMs: Math.round(grace * 1000),
    node: node ?? variable("SLURMD_NODENAME", "--node"),
    job: job ?? variable("SLURM_JOB_ID", "--job"),
    jobs,
  };
}

function variable(variable: string, flag: string): string {
  const value = Deno.env.get(variable) ?? "";
  if (NAME.test(value)) return value;
  throw new TypeError(`Cannot run a hook of Slurm: use ${flag} or set ${variable}`);
}

/** A hook has no terminal to prompt at, and root runs it. */
async function managerOf(options: ManagerOptions): Promise<ManagerClient> {
  const address = await findManager(options, readPrivateToken);
  return new ManagerClient({ ...address, timeoutMs: REQUEST_TIMEOUT_MS });
}

/** Prints a line with texts of the resource manager or of Slurm. */
function printText(line: string): void {
  console.log(visibleText(line));
}
