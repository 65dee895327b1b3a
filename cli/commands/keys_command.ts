/** `rfaas keys`: the keys that sign grants. */

import type { Command } from "commander";
import type { KeyList } from "../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { jsonText } from "../json_text.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { table } from "../table.ts";

interface Options extends CommonOptions, ManagerOptions {
  json?: true;
}

export function keysCommand(): Command {
  return newCommand(
    "keys",
    "List and rotate the keys that sign grants. Needs an operator token.",
    "$ rfaas keys rotate --token-file ~/.local/state/rfaas/resource-manager/operator.token",
  )
    .helpCommand("help [command]", "Show help for a command")
    .addCommand(keyCommand("list", "List the keys, newest first.", (manager) => manager.keys()))
    .addCommand(keyCommand(
      "rotate",
      "Create a key. It signs after some seconds; old keys are dropped when their grants have expired.",
      (manager) => manager.rotateKeys(),
    ));
}

function keyCommand(
  name: string,
  description: string,
  request: (manager: ManagerClient) => Promise<KeyList>,
): Command {
  return addManagerOptions(newCommand(name, description, `$ rfaas keys ${name} --json`), "operator")
    .option("--json", "Print one line of JSON")
    .action(async (options: Options) => {
      using manager = new ManagerClient(await findManager(options));
      const list = await request(manager);
      console.log(options.json ? jsonText(list) : keyTable(list));
    });
}

function keyTable({ nowMs, keys }: KeyList): string {
  return table(
    ["KEY", "STATE", "CREATED", "SIGNS FROM", "DROPPED"],
    keys.map(({ id, state, createdMs, signsFromMs, dropMs }) => [
      id,
      state,
      timeText(createdMs),
      state === "coming"
        ? `in ${((signsFromMs - nowMs) / 1000).toFixed(1)} s`
        : timeText(signsFromMs),
      dropMs === null ? "" : timeText(dropMs),
    ]),
  );
}

function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
