/** `rfaas top`: what the cluster does at the moment. */

import type { Command } from "commander";
import { jsonText } from "../json_text.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { ShutdownSignal } from "../shutdown_signal.ts";
import { followCluster } from "../top/feed.ts";
import { readOnce, stateText } from "../top/print_once.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";

interface Options extends CommonOptions, ManagerOptions {
  once?: true;
  json?: true;
}

export function topCommand(): Command {
  return addManagerOptions(
    newCommand(
      "top",
      "Show what nodes and leases use at the moment, and what waits. A client token shows its own leases and the " +
        "totals, an operator token all.",
      `$ rfaas top
    $ rfaas top --once`,
    ).summary("Show what nodes and leases use at the moment, and what waits."),
    "client or operator",
  )
    .option("--once", "Print it once, when the usage is known: after 2 to 5 seconds")
    .option("--json", "Print one line of JSON, once")
    .action(showTop);
}

async function showTop(options: Options): Promise<void> {
  const address = await findManager(options);
  if (!options.once && !options.json) {
    // The packages of the screen are loaded by no other command.
    const { runTop } = await import("../top/run_top.ts");
    return await runTop(address);
  }
  using shutdown = new ShutdownSignal();
  const state = await readOnce(followCluster(address, shutdown.signal));
  console.log(options.json ? jsonText(state) : stateText(state));
}
