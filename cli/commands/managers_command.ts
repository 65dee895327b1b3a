/** `rfaas managers`: which of several resource managers leads, and how far the others are behind. */

import type { Command } from "commander";
import { environmentCaCert, readCaCert } from "../../runtime/http/ca_cert.ts";
import type { Health } from "../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { parseManagerUrls } from "../../runtime/http/manager_url.ts";
import { jsonText } from "../json_text.ts";
import { managerUrl } from "../options/manager_options.ts";
import { table } from "../table.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";

interface Options extends CommonOptions {
  manager?: string;
  caCert?: string;
  json?: true;
}

/** The state of one resource manager. */
interface ManagerState extends Partial<Health> {
  readonly manager: string;
  /** Why it has no state. */
  readonly error?: string;
}

/** How long one may take to respond. */
const TIMEOUT_MS = 2000;

export function managersCommand(): Command {
  return newCommand(
    "managers",
    "List the resource managers: which of them leads since when, and how long ago the others have " +
      "observed it. Needs no token.",
    "$ rfaas managers --manager http://10.0.0.1:7400,http://10.0.0.2:7400",
  )
    .summary("List the resource managers, and which of them leads.")
    .option(
      "--manager <url>",
      "Resource manager; of several, all with commas between them (default: RFAAS_MANAGER)",
    )
    .option(
      "--ca-cert <file>",
      "Certificates (PEM) to trust for an https manager (default: RFAAS_CA_CERT)",
    )
    .option("--json", "Print one line of JSON")
    .action(listManagers);
}

async function listManagers(options: Options): Promise<void> {
  const { caCert: file } = options;
  const caCert = file === undefined ? await environmentCaCert() : await readCaCert(file);
  const urls = parseManagerUrls(managerUrl(options.manager)).map(({ url }) => url);
  const managers = await Promise.all(urls.map((url) => stateOf(url, caCert)));
  if (options.json) console.log(jsonText({ managers }));
  else {
    console.log(table(
      ["ADDRESS", "ROLE", "LEADS SINCE", "BEHIND", "VERSION", "NOTE"],
      managers.map(({ manager, role = "", version = "", leader, sinceMs, behindMs, error }) => [
        manager,
        role,
        role === "leader" && sinceMs !== undefined ? timeText(sinceMs) : "",
        behindMs === undefined ? "" : `${behindMs} ms`,
        version,
        error ?? (leader === undefined ? "" : `${leader} leads`),
      ]),
    ));
  }
  if (!managers.some(({ role }) => role === "leader")) {
    throw new Error("Cannot find a leader: no resource manager at these addresses leads");
  }
}

function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

async function stateOf(url: string, caCert: string | undefined): Promise<ManagerState> {
  const address = { url, token: "", timeoutMs: TIMEOUT_MS };
  using client = new ManagerClient({ ...address, ...(caCert === undefined ? {} : { caCert }) });
  try {
    return { manager: url, ...await client.health() };
  } catch (error) {
    return { manager: url, error: error instanceof Error ? error.message : String(error) };
  }
}
