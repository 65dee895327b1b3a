/** `rfaas executor-manager`: lends this host's cores. */

import type { Command } from "commander";
import { ExecutorManager } from "../manager/executor/executor_manager.ts";
import type { RecipeName } from "../manager/executor/sandbox/recipes.ts";
import { readCaCert } from "../runtime/http/ca_cert.ts";
import type { FabricChoice } from "../runtime/keeper/reach_node.ts";
import { configOption } from "./config/config_option.ts";
import { deviceAddress } from "./config/device_address.ts";
import { EffectiveSettings } from "./config/effective_settings.ts";
import { Ending } from "./ending.ts";
import { fabricOption } from "./fabric_option.ts";
import { logToStderr } from "./logging.ts";
import { type CommonOptions, newCommand, untilStdinEnds } from "./new_command.ts";
import { byteSize, fraction, wholeNumber } from "./number_argument.ts";
import { sandboxOf } from "./sandbox_setting.ts";
import { readToken } from "./token.ts";

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
  drainSeconds?: number;
  sandbox?: RecipeName;
  native?: true;
  poolMin?: number;
  poolMax?: number;
  state?: string;
  json?: true;
  untilStdinEnds?: true;
}

export function executorManagerCommand(): Command {
  return newCommand(
    "executor-manager",
    "Run the executor manager: it lends cores and memory of this host.",
    `$ rfaas executor-manager --manager http://127.0.0.1:7400 \\
        --token-file ~/.local/state/rfaas/resource-manager/node.token --cores 4 --memory 8GiB
    $ rfaas executor-manager --manager http://10.0.0.1:7400 --fabric-address 10.0.0.2`,
  )
    .alias("executor")
    .addOption(configOption())
    .option("--manager <url>", "the resource manager (default: RFAAS_MANAGER)")
    .option("--token-file <file>", "the file of the node token (default: RFAAS_TOKEN holds it)")
    .option(
      "--ca-cert <file>",
      "the certificate that an https manager is known by (default: RFAAS_CA_CERT)",
    )
    .option("--name <name>", "what the node is called (default: the host's name)")
    .option("--cores <number>", "cores to lend (default: all)", wholeNumber(1))
    .option(
      "--oversubscription <factor>",
      "workers that may be leased for a core (default: 1)",
      fraction,
    )
    .option("--memory <size>", "memory to lend (default: half of the host's)", byteSize)
    .addOption(
      fabricOption(
        "shm: this host alone; verbs: other hosts over RDMA as well, or it does not start; " +
          "auto: over RDMA where there is a device (default: auto)",
      ),
    )
    .option(
      "--fabric-address <host[:port]>",
      "the IP address of the RDMA port to listen at (default: the first that is found, any port)",
    )
    .option(
      "--drain-seconds <seconds>",
      "how long clients have to move elsewhere after SIGTERM or Ctrl-C; a second one ends it at once (default: 10)",
      wholeNumber(0),
    )
    .option(
      "--sandbox <recipe>",
      "none, bubblewrap, podman or apptainer: what keeps executors from the host (default: none)",
    )
    .option("--native", "take shared libraries as packages too; needs a sandbox (default: no)")
    .option(
      "--pool-min <number>",
      "executors that have booted and wait for leases (default: 1)",
      wholeNumber(0),
    )
    .option(
      "--pool-max <number>",
      "so many at most, when leases come fast; 0 keeps none (default: 4)",
      wholeNumber(0),
    )
    .option("--state <folder>", "where the executor's code is kept (default: below XDG_STATE_HOME)")
    .option("--json", "print node, name and addresses as one line of JSON once it is registered")
    .addOption(untilStdinEnds())
    .action(runExecutorManager);
}

async function runExecutorManager(options: Options): Promise<void> {
  using ending = new Ending();
  ending.followTerminal();
  if (options.untilStdinEnds) ending.followStdin();
  await using _log = await logToStderr(options.logLevel);
  const settings = await EffectiveSettings.load({
    flags: options,
    sections: ["executorManager"],
    config: options.config,
  });
  const url = settings.get("executorManager.manager");
  if (!url) throw new TypeError("Cannot lend this host: give --manager or RFAAS_MANAGER");
  const name = settings.require("executorManager.name");
  const cores = settings.require("executorManager.cores");
  const memoryBytes = settings.require("executorManager.memory");
  const caCert = settings.get("executorManager.caCert");
  const fabric = settings.require("executorManager.fabric");
  const devices = fabric === "shm" ? undefined : settings.get("executorManager.devices");
  const fabricAddress = settings.get("executorManager.fabricAddress") ??
    (devices && deviceAddress(devices));
  const callSeconds = settings.get("executorManager.limits.callSeconds");
  const cpuSeconds = settings.get("executorManager.limits.cpuSeconds");
  await using manager = await ExecutorManager.start({
    manager: {
      url,
      token: await readToken(settings.get("executorManager.tokenFile")),
      ...(caCert === undefined ? {} : { caCert: await readCaCert(caCert) }),
    },
    name,
    cores,
    oversubscription: settings.require("executorManager.oversubscription"),
    memoryBytes,
    fabric,
    ...(fabricAddress === undefined ? {} : { fabricAddress }),
    sandbox: sandboxOf(settings),
    cacheBytes: settings.require("executorManager.packageCache"),
    permissions: {
      net: settings.require("executorManager.permissions.net"),
      read: settings.require("executorManager.permissions.read"),
      env: settings.require("executorManager.permissions.env"),
    },
    limits: {
      ...(callSeconds === undefined ? {} : { callMs: callSeconds * 1000 }),
      ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
    },
    pinCores: settings.require("executorManager.pinCores"),
    memoryBounds: settings.require("executorManager.limits.memory"),
    native: settings.require("executorManager.native"),
    pool: {
      initial: settings.require("executorManager.pool.initial"),
      min: settings.require("executorManager.pool.min"),
      max: settings.require("executorManager.pool.max"),
      idleMs: settings.require("executorManager.pool.idleSeconds") * 1000,
      increment: settings.require("executorManager.pool.increment"),
    },
    stateDir: settings.require("executorManager.state"),
    signal: ending.signal,
  });
  const { node, addresses } = manager;
  if (options.json) {
    console.log(JSON.stringify({ node, name, addresses }));
  } else {
    console.log(
      `Node ${name} lends ${cores} cores and ${(memoryBytes / 2 ** 30).toFixed(1)} GiB at ${
        addresses.join(" and ")
      }`,
    );
    console.log(
      "Ctrl-C takes it back: leases have their notice to move. A second one ends it at once.",
    );
  }
  await ending.asked;
  if (ending.drains) await manager.drain(settings.require("executorManager.drainSeconds") * 1000);
}
