/** `rfaas drain` and `rfaas lend`: take a node back, and lend it again. */

import type { Command } from "commander";
import { ManagerClient } from "../runtime/http/manager_client.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "./manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { wholeNumber } from "./number_argument.ts";

type Options = CommonOptions & ManagerOptions;

export function drainCommand(): Command {
  return addManagerOptions(
    newCommand(
      "drain",
      "Take a node back: no new leases, and a notice to those that it serves. Takes an operator's token.",
      "$ rfaas drain rack-2 --notice 30",
    ),
    "operator",
  )
    .argument("<node>", "the node's name")
    .option(
      "--notice <seconds>",
      "how long its clients have to move elsewhere",
      wholeNumber(0),
      10,
    )
    .action(async (node: string, options: Options & { notice: number }) => {
      using manager = new ManagerClient(await findManager(options));
      await manager.drainNode(await idOf(manager, node), { noticeMs: options.notice * 1000 });
    });
}

export function lendCommand(): Command {
  return addManagerOptions(
    newCommand(
      "lend",
      "Lend a node again that was drained. Takes an operator's token.",
      "$ rfaas lend rack-2",
    ),
    "operator",
  )
    .argument("<node>", "the node's name")
    .action(async (node: string, options: Options) => {
      using manager = new ManagerClient(await findManager(options));
      await manager.lendNode(await idOf(manager, node));
    });
}

async function idOf(manager: ManagerClient, name: string): Promise<string> {
  const { nodes } = await manager.nodes();
  const found = nodes.find((node) => node.name === name);
  if (found) return found.node;
  const names = nodes.map((node) => node.name).join(", ") || "none at all";
  throw new TypeError(`Cannot find node ${name}: there is ${names}`);
}
