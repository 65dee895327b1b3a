/** `rfaas token`: who may ask the resource manager for what. */

import { type Command, Option } from "commander";
import type { Quota, TokenRequest } from "../runtime/http/manager_api.ts";
import { ManagerClient } from "../runtime/http/manager_client.ts";
import { addManagerOptions, findManager, type ManagerOptions } from "./manager_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { byteSize, wholeNumber } from "./number_argument.ts";
import { sizeText, table } from "./table.ts";

interface Options extends CommonOptions, ManagerOptions {
  json?: true;
}

interface CreateOptions extends Options {
  role: TokenRequest["role"];
  name: string;
  workers?: number;
  memory?: number;
  leases?: number;
  seconds?: number;
  requestsPerSecond?: number;
}

export function tokenCommand(): Command {
  return newCommand(
    "token",
    "Make, list and revoke tokens. Takes an operator's token.",
    `$ rfaas token create --role client --name ada --workers 16 --memory 8GiB \\
        --token-file ~/.local/state/rfaas/resource-manager/operator.token`,
  )
    .helpCommand("help [command]", "Show the help of a command")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand());
}

function createCommand(): Command {
  return addManagerOptions(
    newCommand(
      "create",
      "Make a token and print it, this one time. What is not limited here may be limited by the configuration.",
      `$ rfaas token create --role client --name ada --workers 16 --leases 4 --seconds 3600
      $ rfaas token create --role node --name rack-2 > node.token`,
    ),
    "operator",
  )
    .addOption(
      new Option("--role <role>", "what it may do").choices(["client", "node", "operator"])
        .makeOptionMandatory(),
    )
    .requiredOption("--name <name>", "whose it is; leases and bills bear it")
    .option("--workers <number>", "workers at a time, all leases together", wholeNumber(0))
    .option("--memory <size>", "memory at a time, all leases together", byteSize)
    .option("--leases <number>", "leases at a time", wholeNumber(0))
    .option("--seconds <number>", "the longest term of a lease", wholeNumber(1))
    .option("--requests-per-second <number>", "requests to the resource manager", wholeNumber(1))
    .option("--json", "print token, role and name as one line of JSON")
    .action(createToken);
}

async function createToken(options: CreateOptions): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const { role, name } = options;
  const quota = readQuota(options);
  const created = await manager.createToken({
    role,
    name,
    ...(Object.keys(quota).length === 0 ? {} : { quota }),
  });
  console.log(options.json ? JSON.stringify(created) : created.token);
}

function readQuota(
  { workers, memory, leases, seconds, requestsPerSecond }: CreateOptions,
): Quota {
  return {
    ...(workers === undefined ? {} : { workers }),
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...(leases === undefined ? {} : { leases }),
    ...(seconds === undefined ? {} : { seconds }),
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
  };
}

function listCommand(): Command {
  return addManagerOptions(
    newCommand("list", "List the tokens, without their texts.", "$ rfaas token list --json"),
    "operator",
  )
    .option("--json", "print one line of JSON")
    .action(listTokens);
}

async function listTokens(options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  const list = await manager.tokens();
  if (options.json) return console.log(JSON.stringify(list));
  console.log(table(
    ["NAME", "ROLE", "CREATED", "LIMITS"],
    list.tokens.map(({ name, role, createdMs, quota }) => [
      name,
      role,
      new Date(createdMs).toISOString().slice(0, 19) + "Z",
      quotaText(quota),
    ]),
  ));
}

function quotaText({ workers, memoryBytes, leases, seconds, requestsPerSecond }: Quota): string {
  const limits = [
    workers === undefined ? [] : `${workers} workers`,
    memoryBytes === undefined ? [] : sizeText(memoryBytes),
    leases === undefined ? [] : `${leases} leases`,
    seconds === undefined ? [] : `${seconds} s`,
    requestsPerSecond === undefined ? [] : `${requestsPerSecond} requests/s`,
  ].flat();
  return limits.join(", ") || "none";
}

function revokeCommand(): Command {
  return addManagerOptions(
    newCommand(
      "revoke",
      "Make a token void at once, and end the leases that were taken with it.",
      "$ rfaas token revoke ada",
    ),
    "operator",
  )
    .argument("<name>", "the token's name")
    .action(revokeToken);
}

async function revokeToken(name: string, options: Options): Promise<void> {
  using manager = new ManagerClient(await findManager(options));
  await manager.revokeToken(name);
}
