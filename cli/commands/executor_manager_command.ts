/** `rfaas executor-manager`: lends this host's cores. */

import type { Command } from "commander";
import { ExecutorManager } from "../../manager/executor/executor_manager.ts";
import type { RecipeName } from "../../manager/executor/sandbox/recipes.ts";
import type { FabricChoice } from "../../runtime/keeper/reach_node.ts";
import { getLogger } from "../../manager/log.ts";
import { configOption } from "../config/config_option.ts";
import { EffectiveSettings } from "../config/effective_settings.ts";
import { openLibc } from "../../ffi/libc.ts";
import { hostMemoryBytes, maxOpenFiles, MIN_OPEN_FILES } from "../host.ts";
import { jsonText } from "../json_text.ts";
import { logToStderr } from "../logging.ts";
import { executorOptions } from "../options/executor_options.ts";
import { fabricOption } from "../options/fabric_option.ts";
import { addMetricsOptions, metricsText } from "../options/metrics_options.ts";
import { byteSize, integerFrom, number } from "../options/number_argument.ts";
import { sizeText } from "../quantity_text.ts";
import { ServiceNotifier } from "../service/service_notifier.ts";
import { ShutdownSignal } from "../shutdown_signal.ts";
import { removedAtEnd } from "../temporary_folder.ts";
import { type CommonOptions, newCommand, removeState, untilStdinEnds } from "./new_command.ts";

interface Options extends CommonOptions {
  config?: string;
  manager?: string;
  tokenFile?: string;
  caCert?: string;
  name?: string;
  cores?: number;
  oversubscription?: number;
  memory?: number;
  fabric?: FabricChoice;
  fabricAddress?: string;
  drainedBy?: string;
  drainSeconds?: number;
  sandbox?: RecipeName | "auto";
  native?: true;
  poolMin?: number;
  poolMax?: number;
  state?: string;
  metricsListen?: string;
  metricsTokenFile?: string;
  json?: true;
  untilStdinEnds?: true;
  removeState?: true;
}

export function executorManagerCommand(): Command {
  const command = newCommand(
    "executor-manager",
    "Run the executor manager, which lends cores and memory of this host.",
    `$ rfaas executor-manager --manager http://127.0.0.1:7400 \\
        --token-file ~/.local/state/rfaas/resource-manager/node.token --cores 4 --memory 8GiB
    $ rfaas executor-manager --manager http://10.0.0.1:7400 --fabric-address 10.0.0.2`,
  )
    .alias("executor")
    .addOption(configOption())
    .option(
      "--manager <url>",
      "Resource manager; of several, all with commas between them (default: RFAAS_MANAGER)",
    )
    .option("--token-file <file>", "File with the node token (default: the token in RFAAS_TOKEN)")
    .option(
      "--ca-cert <file>",
      "Certificates (PEM) to trust for an https manager (default: RFAAS_CA_CERT)",
    );
  addCapacityOptions(command);
  addFabricOptions(command);
  addExecutorOptions(command);
  addMetricsOptions(command);
  return command
    .option("--json", "Print node, name and addresses as one line of JSON, once registered")
    .addOption(untilStdinEnds())
    .addOption(removeState())
    .action(runExecutorManager);
}

function addCapacityOptions(command: Command): void {
  command
    .option("--name <name>", "Name of the node (default: the host's name)")
    .option("--cores <number>", "Cores to lend (default: all)", integerFrom(1))
    .option("--oversubscription <factor>", "Workers per core (default: 1)", number)
    .option("--memory <size>", "Memory to lend (default: half of the host's)", byteSize)
    .option(
      "--drained-by <program>",
      "Start drained by this program, such as slurm, until it lends the node",
    )
    .option(
      "--drain-seconds <seconds>",
      "Grace period for leases after SIGTERM or Ctrl-C; a second signal ends it at once (default: 10)",
      integerFrom(0),
    );
}

function addFabricOptions(command: Command): void {
  command
    .addOption(fabricOption(
      "shm: shared memory, for clients on this host; verbs: RDMA too, required; " +
        "auto: RDMA too if there is a device (default: auto)",
    ))
    .option(
      "--fabric-address <host[:port]>",
      "IP address of the RDMA port to listen at (default: the first one found, any port)",
    );
}

function addExecutorOptions(command: Command): void {
  command
    .option(
      "--sandbox <recipe>",
      "Sandbox around each executor: bubblewrap, podman, apptainer, none; " +
        "auto: bubblewrap if it works here (default: auto)",
    )
    .option("--native", "Accept shared libraries as function packages; needs a sandbox")
    .option(
      "--pool-min <number>",
      "Idle executors to keep ready for leases (default: 1)",
      integerFrom(0),
    )
    .option(
      "--pool-max <number>",
      "Maximum number of idle executors; 0 boots one for each worker of a lease (default: 4)",
      integerFrom(0),
    )
    .option(
      "--state <folder>",
      "Folder for the executor's code and function packages (default: below XDG_STATE_HOME)",
    );
}

async function runExecutorManager(options: Options): Promise<void> {
  using shutdown = new ShutdownSignal();
  shutdown.followTerminal();
  if (options.untilStdinEnds) shutdown.followStdin();
  await using _log = await logToStderr(options.logLevel);
  const settings = await EffectiveSettings.load({
    flags: options,
    sections: ["executorManager"],
    config: options.config,
  });
  checkOpenFiles();
  const managerOptions = await executorOptions(settings);
  await using _state = options.removeState ? removedAtEnd(managerOptions.stateDir) : undefined;
  using service = ServiceNotifier.fromEnvironment();
  await using manager = await ExecutorManager.start({ ...managerOptions, signal: shutdown.signal });
  const { name, cores, memoryBytes } = managerOptions;
  warnOfMemory(memoryBytes);
  const { node, addresses, metricsUrl: metrics } = manager;
  const { drainedBy } = managerOptions;
  if (manager.sandboxMissing !== undefined) {
    console.error(
      `Warning: only Deno isolates functions, since this host has no sandbox. ${manager.sandboxMissing}`,
    );
  }
  if (options.json) {
    console.log(jsonText({ node, name, addresses, metrics }));
  } else {
    console.log(
      `Node ${name} lends ${cores} cores and ${sizeText(memoryBytes)} at ${
        addresses.join(" and ")
      }, in sandbox ${manager.sandbox}`,
    );
    if (drainedBy !== undefined) console.log(`It lends once ${drainedBy} lends it.`);
    if (metrics !== undefined) console.log(metricsText(metrics));
    if (service === undefined) {
      console.log("Press Ctrl-C to drain the node and end, and again to end at once.");
    }
  }
  service?.ready(`Node ${name} has ${cores} cores to lend`);
  await shutdown.requested;
  service?.stopping("The node drains");
  if (shutdown.isGraceful) {
    await manager.drain(settings.require("executorManager.drainSeconds") * 1000);
  }
}

/** With fewer files executors would start, and fail later without a clear reason. */
function checkOpenFiles(): void {
  const libc = openLibc();
  const files = maxOpenFiles(libc);
  libc.close();
  if (files >= MIN_OPEN_FILES) return;
  throw new Error(
    `Cannot start executor manager: this process may open ${files} files, expected ${MIN_OPEN_FILES} or more (ulimit -n)`,
  );
}

/** An owner may lend more than there is; then the kernel kills executors that are below their limits. */
function warnOfMemory(lentBytes: number): void {
  const hostBytes = hostMemoryBytes();
  if (lentBytes <= hostBytes) return;
  getLogger(["rfaas", "executor-manager"]).warn(
    "lends {lent}, but this host or container has {has}: executors may be killed for lack of memory",
    { lent: sizeText(lentBytes), has: sizeText(hostBytes) },
  );
}
