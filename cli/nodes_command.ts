/** `rfaas nodes`: who lends what. */

import type { Command } from "commander";
import { ManagerClient } from "../runtime/http/manager_client.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "./manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { sizeText, table } from "./table.ts";

interface Options extends CommonOptions, ManagerOptions {
  json?: true;
}

export function nodesCommand(): Command {
  return addManagerOptions(
    newCommand("nodes", "List the nodes and what of them is free.", "$ rfaas nodes --json"),
  )
    .option("--json", "print one line of JSON")
    .action(listNodes);
}

async function listNodes(options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const list = await manager.nodes();
  if (options.json) return console.log(JSON.stringify(list));
  if (list.nodes.length === 0) {
    return console.log("There are no nodes: start one with rfaas executor-manager");
  }
  console.log(table(
    ["NAME", "STATE", "CORES", "FREE", "MEMORY", "FREE", "SEEN", "ADDRESS"],
    list.nodes.map((node) => [
      node.name,
      node.state,
      node.cores,
      node.freeCores,
      sizeText(node.memoryBytes),
      sizeText(node.freeMemoryBytes),
      `${((list.nowMs - node.lastSeenMs) / 1000).toFixed(1)} s ago`,
      node.addresses.join(" "),
    ]),
  ));
}
