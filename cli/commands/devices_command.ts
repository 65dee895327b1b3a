/** `rfaas devices`: the RDMA devices of this host. */

import type { Command } from "commander";
import { HELP } from "../../ffi/verbs/open_verbs.ts";
import { VerbsUnavailableError } from "../../ffi/verbs/verbs_unavailable.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { findRdmaPorts, type RdmaPort } from "../checks/rdma_devices.ts";
import { jsonText } from "../json_text.ts";
import { table } from "../table.ts";

export function devicesCommand(): Command {
  return newCommand(
    "devices",
    "List the RDMA devices of this host, and the address to lend them at.",
    "$ rfaas devices --json",
  )
    .option("--json", "Print a list of ports as one line of JSON")
    .action(printDevices);
}

async function printDevices(options: CommonOptions & { json?: true }): Promise<void> {
  const ports = await findRdmaPorts().catch((error) => {
    if (error instanceof VerbsUnavailableError && error.code === "device") return [];
    throw error;
  });
  if (options.json) return console.log(jsonText(ports));
  if (ports.length === 0) return console.log(`No RDMA device found: ${HELP.device}`);
  console.log(portTable(ports));
  console.log(`\n${gidTable(ports)}`);
  const usable = ports.find(({ state, address }) => state === "ACTIVE" && address)?.address;
  console.log(
    usable === undefined
      ? "\nNo port is active and has an IP address, so an executor manager cannot use any."
      : `\nTo lend over RDMA: rfaas executor-manager --fabric-address ${usable}`,
  );
}

function portTable(ports: readonly RdmaPort[]): string {
  return table(
    ["DEVICE", "PORT", "STATE", "LINK", "ADDRESS", "MTU", "INLINE", "DEPTH", "WINDOWS"],
    ports.map((port) => [
      port.device,
      port.port,
      port.state.toLowerCase(),
      port.linkLayer,
      port.addresses.join(" ") || "none",
      port.mtu,
      port.maxInlineBytes,
      port.maxQueueDepth,
      port.memoryWindows ? "yes" : "no",
    ]),
  );
}

function gidTable(ports: readonly RdmaPort[]): string {
  return table(
    ["DEVICE", "PORT", "INDEX", "GID", "TYPE", "INTERFACE", "USED"],
    ports.flatMap(({ device, port, gids, gidIndex }) =>
      gids.map(({ index, gid, type, interface: name }) => [
        device,
        port,
        index,
        gid,
        type,
        name ?? "",
        index === gidIndex ? "yes" : "",
      ])
    ),
  );
}
