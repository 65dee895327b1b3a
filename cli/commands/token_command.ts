/** `rfaas token`: the tokens that the resource manager accepts. */

import { type Command, Option } from "commander";
import type { Quota, TokenRequest } from "../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { NO_ACCOUNT } from "../bill_sums.ts";
import { jsonText } from "../json_text.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "../options/manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { byteSize, integerFrom } from "../options/number_argument.ts";
import { durationText, sizeText } from "../quantity_text.ts";
import { table } from "../table.ts";

interface Options extends CommonOptions, ManagerOptions {
  json?: true;
}

interface CreateOptions extends Options {
  role: TokenRequest["role"];
  name: string;
  account?: string;
  class?: string;
  workers?: number;
  memory?: number;
  leases?: number;
  term?: number;
  requestsPerSecond?: number;
}

export function tokenCommand(): Command {
  return newCommand(
    "token",
    "Create, list and revoke tokens. Needs an operator token.",
    `$ rfaas token create --role client --name ada --workers 16 --memory 8GiB \\
        --token-file ~/.local/state/rfaas/resource-manager/operator.token`,
  )
    .helpCommand("help [command]", "Show help for a command")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand());
}

function createCommand(): Command {
  return addManagerOptions(
    newCommand(
      "create",
      "Create a token and print it; it cannot be printed again. Limits that are not given here come from the configuration.",
      `$ rfaas token create --role client --name ada --account physics --workers 16 --leases 4
      $ rfaas token create --role node --name rack-2 > node.token`,
    ),
    "operator",
  )
    .addOption(
      new Option("--role <role>", "Role of the token").choices(["client", "node", "operator"])
        .makeOptionMandatory(),
    )
    .requiredOption("--name <name>", "Name of the token, shown with leases and bills")
    .option("--account <name>", "Account of a client at its site, shown on its bills")
    .option("--class <name>", "Class of a client, one of resourceManager.classes")
    .option("--workers <number>", "Maximum number of workers, all leases together", integerFrom(0))
    .option("--memory <size>", "Maximum memory, all leases together", byteSize)
    .option("--leases <number>", "Maximum number of leases", integerFrom(0))
    .option("--term <seconds>", "Longest term of a lease", integerFrom(1))
    .option(
      "--requests-per-second <number>",
      "Requests to the resource manager, on average",
      integerFrom(1),
    )
    .option("--json", "Print token, role and name as one line of JSON")
    .action(createToken);
}

async function createToken(options: CreateOptions): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const { role, name, account, class: inClass } = options;
  const quota = readQuota(options);
  const created = await manager.createToken({
    role,
    name,
    ...(Object.keys(quota).length === 0 ? {} : { quota }),
    ...(account === undefined ? {} : { account }),
    ...(inClass === undefined ? {} : { class: inClass }),
  });
  console.log(options.json ? jsonText(created) : created.token);
}

function readQuota(
  { workers, memory, leases, term, requestsPerSecond }: CreateOptions,
): Quota {
  return {
    ...(workers === undefined ? {} : { workers }),
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...(leases === undefined ? {} : { leases }),
    ...(term === undefined ? {} : { termMs: term * 1000 }),
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
  };
}

function listCommand(): Command {
  return addManagerOptions(
    newCommand("list", "List the tokens, without their secrets.", "$ rfaas token list --json"),
    "operator",
  )
    .option("--json", "Print one line of JSON")
    .action(listTokens);
}

async function listTokens(options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const list = await manager.tokens();
  if (options.json) return console.log(jsonText(list));
  console.log(table(
    ["NAME", "ROLE", "ACCOUNT", "CLASS", "CREATED", "LIMITS"],
    list.tokens.map((
      { name, role, createdMs, quota, account = NO_ACCOUNT, class: inClass = "-" },
    ) => [
      name,
      role,
      account,
      inClass,
      new Date(createdMs).toISOString().slice(0, 19) + "Z",
      quotaText(quota),
    ]),
  ));
}

function quotaText({ workers, memoryBytes, leases, termMs, requestsPerSecond }: Quota): string {
  const limits = [
    workers === undefined ? [] : `${workers} workers`,
    memoryBytes === undefined ? [] : sizeText(memoryBytes),
    leases === undefined ? [] : `${leases} leases`,
    termMs === undefined ? [] : `terms of ${durationText(termMs)}`,
    requestsPerSecond === undefined ? [] : `${requestsPerSecond} requests/s`,
  ].flat();
  return limits.join(", ") || "none";
}

function revokeCommand(): Command {
  return addManagerOptions(
    newCommand(
      "revoke",
      "Revoke a token at once and end its leases.",
      "$ rfaas token revoke ada",
    ),
    "operator",
  )
    .argument("<name>", "Name of the token")
    .action(revokeToken);
}

async function revokeToken(name: string, options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  await manager.revokeToken(name);
}
