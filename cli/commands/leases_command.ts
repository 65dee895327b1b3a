/** `rfaas leases` and `rfaas queue`: the running leases, and the requests for leases that wait. */

import type { Command } from "commander";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { jsonText } from "../json_text.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { durationText, sizeText } from "../quantity_text.ts";
import { table } from "../table.ts";

interface Options extends CommonOptions, ManagerOptions {
  json?: true;
}

export function leasesCommand(): Command {
  return addManagerOptions(
    newCommand(
      "leases",
      "List running leases. A client token lists its own, an operator token all.",
      "$ rfaas leases --token-file ~/.local/state/rfaas/resource-manager/operator.token",
    ),
    "client or operator",
  )
    .option("--json", "Print one line of JSON")
    .action(listLeases);
}

async function listLeases(options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const list = await manager.leases();
  if (options.json) return console.log(jsonText(list));
  if (list.leases.length === 0) return console.log("No leases");
  console.log(table(
    ["LEASE", "CLIENT", "WORKERS", "MEMORY", "ENDS IN", "NODES"],
    list.leases.map((lease) => [
      lease.lease,
      lease.client,
      lease.workers,
      sizeText(lease.memoryBytes),
      durationText(Math.max(0, lease.expiresMs - list.nowMs)),
      lease.nodes.map(({ name, state }) => state === "claimed" ? name : `(${name})`).join(" "),
    ]),
  ));
}

export function queueCommand(): Command {
  return addManagerOptions(
    newCommand(
      "queue",
      "List the requests for leases that wait for capacity, in their order, and why each one does. " +
        "A client token lists its own, an operator token all.",
      "$ rfaas queue --token-file ~/.local/state/rfaas/resource-manager/operator.token",
    ).summary("List the requests for leases that wait for capacity, and why each one does."),
    "client or operator",
  )
    .option("--json", "Print one line of JSON")
    .action(listQueue);
}

async function listQueue(options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const list = await manager.queue();
  if (options.json) return console.log(jsonText(list));
  if (list.waiting.length === 0) {
    return console.log("No request that this token may see waits for capacity");
  }
  const hasClasses = list.waiting.some((entry) => entry.class !== undefined);
  console.log(table(
    [
      ...["PLACE", "CLIENT", ...hasClasses ? ["CLASS", "USED CORE-S"] : []],
      ...["WORKERS", "MEMORY", "WAITED", "REFUSED IN", "REASON"],
    ],
    list.waiting.map(({ place, client, workers, memoryBytes, sinceMs, untilMs, ...entry }) => [
      place,
      client,
      ...hasClasses ? [entry.class ?? "", entry.usedCoreSeconds ?? 0] : [],
      workers,
      sizeText(memoryBytes),
      durationText(Math.max(0, list.nowMs - sinceMs)),
      durationText(Math.max(0, untilMs - list.nowMs)),
      `${entry.reason.code}: ${withSizes(entry.reason.message)}`,
    ]),
  ));
  if (list.more > 0) console.log(`${list.more} more`);
}

/** A message with its bytes in units that people read. */
function withSizes(message: string): string {
  return message.replace(
    /\b(\d+) free bytes/g,
    (_, bytes) => `${sizeText(Number(bytes))} of free memory`,
  );
}
