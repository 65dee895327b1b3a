/** `rfaas up`: both managers on this host, for development. */

import type { Command } from "commander";
import type { FabricChoice } from "../runtime/keeper/reach_node.ts";
import { configOption } from "./config/config_option.ts";
import { EffectiveSettings, type SettingsSource } from "./config/effective_settings.ts";
import { Ending } from "./ending.ts";
import { fabricOption } from "./fabric_option.ts";
import { LocalManagers } from "./local_managers.ts";
import { type CommonOptions, newCommand, untilStdinEnds } from "./new_command.ts";
import { byteSize, wholeNumber } from "./number_argument.ts";

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

/** What differs from managers that are started each by itself: nothing is offered beyond this host. */
export const UP_STANDARDS = {
  "resourceManager.listen": ["http://127.0.0.1:0"],
  "executorManager.fabric": "shm",
} satisfies SettingsSource["standards"];

export function upCommand(): Command {
  return newCommand(
    "up",
    "Run both managers on this host, for development. All state goes away at the end.",
    `$ rfaas up
    $ rfaas up --cores 2 --memory 2GiB --listen http://127.0.0.1:7400`,
  )
    .addOption(configOption())
    .option("--cores <number>", "cores to lend (default: all)", wholeNumber(1))
    .option("--memory <size>", "memory to lend (default: half of the host's)", byteSize)
    .option(
      "--listen <url>",
      "http://HOST:PORT or unix:/PATH; may be given again (default: a free port of 127.0.0.1)",
      (url: string, before: string[] = []) => [...before, url],
    )
    .addOption(
      fabricOption(
        "shm: this host alone; verbs: over RDMA as well, or it does not start; auto: where there is a device (default: shm)",
      ),
    )
    .option(
      "--fabric-address <host[:port]>",
      "the IP address of the RDMA port (default: the first that is found, any port)",
    )
    .option("--json", "print manager and token as one line of JSON once both are ready")
    .addOption(untilStdinEnds())
    .action(runUp);
}

async function runUp(options: Options): Promise<void> {
  using ending = new Ending();
  ending.followTerminal();
  if (options.untilStdinEnds) ending.followStdin();
  const settings = await EffectiveSettings.load({
    flags: options,
    sections: ["resourceManager", "executorManager"],
    config: options.config,
    standards: UP_STANDARDS,
  });
  let managers: LocalManagers;
  try {
    managers = await LocalManagers.start({
      config: settings.file,
      cores: settings.get("executorManager.cores"),
      memoryBytes: settings.get("executorManager.memory"),
      fabric: settings.require("executorManager.fabric"),
      fabricAddress: settings.get("executorManager.fabricAddress"),
      listen: settings.get("resourceManager.listen"),
      logLevel: options.logLevel,
      signal: ending.signal,
    });
  } catch (error) {
    if (ending.signal.aborted) return; // asked to end while it started: nothing is left, all is well
    throw error;
  }
  await using running = managers;
  const { manager, token } = running;
  if (options.json) {
    console.log(JSON.stringify({ manager, token }));
  } else {
    console.log("Both managers are ready. In another terminal:\n");
    console.log(`  export RFAAS_MANAGER=${manager}`);
    console.log(`  export RFAAS_TOKEN=${token}`);
    console.log("\nThen run your program, or: rfaas nodes\nCtrl-C ends it.");
  }
  const failed = await Promise.race([ending.asked, running.failed]);
  if (failed !== undefined) throw new Error(`Cannot go on: the ${failed} has ended by itself`);
}
