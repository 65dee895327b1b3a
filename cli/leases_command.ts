/** `rfaas leases`: who uses what. */

import type { Command } from "commander";
import { ManagerClient } from "../runtime/http/manager_client.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "./manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { sizeText, table } from "./table.ts";

interface Options extends CommonOptions, ManagerOptions {
  json?: true;
}

export function leasesCommand(): Command {
  return addManagerOptions(
    newCommand(
      "leases",
      "List the running leases: your own with a client token, all with an operator's.",
      "$ rfaas leases --token-file ~/.local/state/rfaas/resource-manager/operator.token",
    ),
  )
    .option("--json", "print one line of JSON")
    .action(listLeases);
}

async function listLeases(options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const list = await manager.leases();
  if (options.json) return console.log(JSON.stringify(list));
  if (list.leases.length === 0) return console.log("There are no leases");
  console.log(table(
    ["LEASE", "CLIENT", "WORKERS", "MEMORY", "ENDS IN", "NODES"],
    list.leases.map((lease) => [
      lease.lease,
      lease.client,
      lease.workers,
      sizeText(lease.memoryBytes),
      `${Math.max(0, Math.round((lease.expiresMs - list.nowMs) / 1000))} s`,
      lease.nodes.map(({ name, state }) => state === "claimed" ? name : `(${name})`).join(" "),
    ]),
  ));
}
