/** `rfaas nodes`: the nodes and their capacity. */

import type { Command } from "commander";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { jsonText } from "../json_text.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { sizeText } from "../quantity_text.ts";
import { table } from "../table.ts";

interface Options extends CommonOptions, ManagerOptions {
  json?: true;
}

export function nodesCommand(): Command {
  return addManagerOptions(
    newCommand(
      "nodes",
      "List the nodes, with what they lend and what of it is free, and what drains them.",
      "$ rfaas nodes --json",
    ),
    "client or operator",
  )
    .option("--json", "Print one line of JSON")
    .action(listNodes);
}

async function listNodes(options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const list = await manager.nodes();
  if (options.json) return console.log(jsonText(list));
  if (list.nodes.length === 0) {
    return console.log("No nodes. Start one with: rfaas executor-manager");
  }
  const isLimited = list.nodes.some(({ cores, maxCores }) => cores < maxCores);
  const isDrained = list.nodes.some(({ drainedBy }) => drainedBy.length > 0);
  const drainedBy = isDrained ? ["DRAINED BY"] : [];
  console.log(table(
    [
      "NAME",
      "STATE",
      ...drainedBy,
      "CORES",
      "FREE",
      "MEMORY",
      "FREE",
      "SEEN",
      "SANDBOX",
      "ADDRESS",
    ],
    list.nodes.map((node) => [
      node.name,
      node.state,
      ...isDrained ? [node.drainedBy.join(" ")] : [],
      isLimited ? `${node.cores} of ${node.maxCores}` : node.cores,
      node.freeCores,
      sizeText(node.memoryBytes),
      sizeText(node.freeMemoryBytes),
      `${((list.nowMs - node.lastSeenMs) / 1000).toFixed(1)} s ago`,
      node.sandbox,
      node.addresses.join(" "),
    ]),
  ));
}
