/** `rfaas drain`, `rfaas lend` and `rfaas remove`: what an operator does with one node. */

import type { Command } from "commander";
import type { NodeEntry } from "../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { nodeNamed } from "../node_named.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { integerFrom } from "../options/number_argument.ts";

interface Options extends CommonOptions, ManagerOptions {
  grace: number;
  by?: string;
}

export function drainCommand(): Command {
  return addCommonOptions(
    newCommand(
      "drain",
      "Drain a node: no new leases, and a grace period for the running ones. Needs an operator token.",
      "$ rfaas drain rack-2 --grace 30",
    ),
  ).action(async (node: string, { grace, by, ...options }: Options) => {
    using manager = new ManagerClient(await findManager(options));
    const graceMs = grace * 1000;
    const { node: id } = await known(manager, node);
    await manager.drainNode(id, { graceMs, ...(by ? { by } : {}) });
  });
}

export function lendCommand(): Command {
  return addCommonOptions(
    newCommand(
      "lend",
      "Lend a drained node again, or change how many cores it lends while it serves. Needs an operator token.",
      `$ rfaas lend rack-2
    $ rfaas lend rack-2 --cores 8 --grace 30`,
    ),
  )
    .option(
      "--cores <number>",
      "Cores to lend; leases beyond them move (default: all)",
      integerFrom(1),
    )
    .action(async (node: string, options: Options & { cores?: number }) => {
      const { grace, by, cores } = options;
      using manager = new ManagerClient(await findManager(options));
      const { node: id } = await known(manager, node);
      await manager.lendNode(id, {
        graceMs: grace * 1000,
        ...(cores === undefined ? {} : { cores }),
        ...(by ? { by } : {}),
      });
    });
}

export function removeCommand(): Command {
  return addManagerOptions(
    newCommand(
      "remove",
      "Remove a node that is lost for good, with what is left of its leases. Needs an operator token.",
      "$ rfaas remove rack-2",
    ),
    "operator",
  )
    .argument("<node>", "Name of the node")
    .option("--force", "Also remove a node that is up: its leases end, and it registers again")
    .action(async (node: string, { force, ...options }: ManagerOptions & { force?: true }) => {
      using manager = new ManagerClient(await findManager(options));
      const { node: id, state } = await known(manager, node);
      if (state !== "lost" && !force) {
        throw new TypeError(
          `Cannot remove node "${node}": it is ${state}: stop its executor manager, or use --force`,
        );
      }
      await manager.removeNode(id);
    });
}

function addCommonOptions(command: Command): Command {
  return addManagerOptions(command, "operator")
    .argument("<node>", "Name of the node")
    .option("--grace <seconds>", "Time for leases to move to other nodes", integerFrom(0), 10)
    .option(
      "--by <name>",
      "Act as this program, such as slurm; a node is lent once each that drained it lends it " +
        "(default: operator)",
    );
}

/** @throws {TypeError} If there is no such node; the message has those that there are. */
async function known(manager: ManagerClient, name: string): Promise<NodeEntry> {
  const found = await nodeNamed(manager, name);
  if (found !== undefined) return found;
  const names = (await manager.nodes()).nodes.map((node) => node.name).join(", ");
  const state = names === "" ? "there are no nodes" : `known nodes are ${names}`;
  throw new TypeError(`Cannot find node "${name}": ${state}`);
}
