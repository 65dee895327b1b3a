/** `rfaas store`: moves the rows of resource managers. */

import type { Command } from "commander";
import { copyStore } from "../../manager/resource/copy_store.ts";
import { configOption } from "../config/config_option.ts";
import { EffectiveSettings } from "../config/effective_settings.ts";
import { jsonText } from "../json_text.ts";
import { logToStderr } from "../logging.ts";
import { addStoreAccess, type StoreFlags, storeOf } from "../options/store_options.ts";
import { table } from "../table.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";

interface Options extends CommonOptions, StoreFlags {
  from: string;
  to: string;
  config?: string;
  state?: string;
  json?: true;
}

export function storeCommand(): Command {
  return newCommand(
    "store",
    "Move the rows of resource managers, while none of them runs.",
    "$ rfaas store copy --from sqlite:state.sqlite --to etcd://10.0.0.1,10.0.0.2,10.0.0.3/rfaas",
  )
    .helpCommand("help [command]", "Show help for a command")
    .addCommand(copyCommand());
}

function copyCommand(): Command {
  const command = newCommand(
    "copy",
    "Copy all rows to a store that has none, and compare both. No resource manager may run meanwhile.",
    `$ rfaas store copy --state rm-1 \\
    --from sqlite:rm-1/state.sqlite --to etcd://10.0.0.1,10.0.0.2,10.0.0.3/rfaas`,
  )
    .requiredOption(
      "--from <address>",
      "Store to read: sqlite:PATH or etcd://HOST:PORT,HOST:PORT/PREFIX",
    )
    .requiredOption("--to <address>", "Store to write, without any rows")
    .option(
      "--state <folder>",
      "State folder of a resource manager, with its tokens and its key for etcd (default: below " +
        "XDG_STATE_HOME)",
    )
    .addOption(configOption());
  return addStoreAccess(command)
    .option("--json", "Print one line of JSON")
    .action(copy);
}

async function copy(options: Options): Promise<void> {
  await using _log = await logToStderr(options.logLevel);
  const settings = await EffectiveSettings.load({
    flags: options,
    sections: ["resourceManager"],
    config: options.config,
  });
  const access = storeOf(settings);
  const tables = await copyStore({
    stateDir: settings.require("resourceManager.state"),
    from: { ...access, address: options.from },
    to: { ...access, address: options.to },
  });
  if (options.json) console.log(jsonText({ tables }));
  else {
    const rows = tables.map((each) => [each.table, `${each.rows}`, each.sha256]);
    console.log(table(["TABLE", "ROWS", "SHA-256, THE SAME IN BOTH"], rows));
  }
}
