/** `rfaas up`: both managers on this host, for development. */

import type { Command } from "commander";
import type { FabricChoice } from "../../runtime/keeper/reach_node.ts";
import { configOption } from "../config/config_option.ts";
import { EffectiveSettings, type SettingsSource } from "../config/effective_settings.ts";
import { loopbackUrl } from "../host.ts";
import { jsonText } from "../json_text.ts";
import { ShutdownSignal } from "../shutdown_signal.ts";
import { fabricOption } from "../options/fabric_option.ts";
import { LocalManagers } from "../children/local_managers.ts";
import { type CommonOptions, newCommand, untilStdinEnds } from "./new_command.ts";
import { byteSize, integerFrom } from "../options/number_argument.ts";

interface Options extends CommonOptions {
  config?: string;
  cores?: number;
  memory?: number;
  fabric?: FabricChoice;
  fabricAddress?: string;
  listen?: string[];
  json?: true;
  untilStdinEnds?: true;
}

const DEFAULT_LISTEN = "http://127.0.0.1:0";

/** Defaults that differ from those of the single managers: nothing is lent beyond this host. */
export const UP_DEFAULTS = {
  "resourceManager.listen": [DEFAULT_LISTEN],
  "executorManager.fabric": "shm",
} satisfies SettingsSource["defaults"];

export function upCommand(): Command {
  return newCommand(
    "up",
    "Run both managers on this host, for development. All state is removed at the end.",
    `$ rfaas up
    $ rfaas up --cores 2 --memory 2GiB --listen http://127.0.0.1:7400`,
  )
    .addOption(configOption())
    .option("--cores <number>", "Cores to lend (default: all)", integerFrom(1))
    .option("--memory <size>", "Memory to lend (default: half of the host's)", byteSize)
    .option(
      "--listen <url>",
      "Address to listen at: http://HOST:PORT or unix:/PATH; may be repeated " +
        "(default: a free port of 127.0.0.1, or of ::1)",
      (url: string, before: string[] = []) => [...before, url],
    )
    .addOption(
      fabricOption(
        "shm: shared memory, for clients on this host; verbs: RDMA too, required; " +
          "auto: RDMA too if there is a device (default: shm)",
      ),
    )
    .option(
      "--fabric-address <host[:port]>",
      "IP address of the RDMA port to listen at (default: the first one found, any port)",
    )
    .option("--json", "Print manager, token and dashboard as one line of JSON, once both are ready")
    .addOption(untilStdinEnds())
    .action(runUp);
}

async function runUp(options: Options): Promise<void> {
  using shutdown = new ShutdownSignal();
  shutdown.followTerminal();
  if (options.untilStdinEnds) shutdown.followStdin();
  const settings = await EffectiveSettings.load({
    flags: options,
    sections: ["resourceManager", "executorManager"],
    config: options.config,
    defaults: UP_DEFAULTS,
  });
  let managers: LocalManagers;
  try {
    managers = await LocalManagers.start({
      config: settings.file,
      cores: settings.get("executorManager.cores"),
      memoryBytes: settings.get("executorManager.memory"),
      fabric: settings.require("executorManager.fabric"),
      fabricAddress: settings.get("executorManager.fabricAddress"),
      listen: settings.require("resourceManager.listen").map((url) =>
        url === DEFAULT_LISTEN ? loopbackUrl() : url
      ),
      variables: settings.get("executorManager.permissions.env"),
      logLevel: options.logLevel,
      signal: shutdown.signal,
    });
  } catch (error) {
    if (shutdown.signal.aborted) return; // interrupted during the start: nothing is left behind
    throw error;
  }
  await using running = managers;
  const { manager, token, dashboard } = running;
  if (options.json) {
    console.log(jsonText({ manager, token, dashboard }));
  } else {
    console.log("Both managers are ready. In another terminal:\n");
    console.log(`  export RFAAS_MANAGER=${manager}`);
    console.log(`  export RFAAS_TOKEN=${token}`);
    console.log("\nThen run your program, or: rfaas nodes");
    if (dashboard !== undefined) {
      console.log(`\nThe dashboard, by a link that signs in once:\n\n  ${dashboard}`);
    }
    console.log("\nPress Ctrl-C to end.");
  }
  const failed = await Promise.race([shutdown.requested, running.failed]);
  if (failed !== undefined) throw new Error(`Cannot continue: the ${failed} ended unexpectedly`);
}
