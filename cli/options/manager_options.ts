/** How client commands find the resource manager. */

import type { Command } from "commander";
import { environmentCaCert, readCaCert } from "../../runtime/http/ca_cert.ts";
import type { ManagerAddress } from "../../runtime/http/manager_http.ts";
import { readOrPromptToken } from "./token.ts";

export interface ManagerOptions {
  caCert?: string;
  manager?: string;
  tokenFile?: string;
}

/** @param role The role that the command's token needs. */
export function addManagerOptions(command: Command, role = "client"): Command {
  return command
    .option(
      "--manager <url>",
      "Resource manager; of several, all with commas between them (default: RFAAS_MANAGER)",
    )
    .option(
      "--token-file <file>",
      `File with the ${role} token (default: the token in RFAAS_TOKEN)`,
    )
    .option(
      "--ca-cert <file>",
      "Certificates (PEM) to trust for an https manager (default: RFAAS_CA_CERT)",
    );
}

/**
 * Returns the address and the token from the options, or else from the environment.
 *
 * @param readToken Reads the token from the file of the option, or from elsewhere if there is none.
 * @throws {TypeError} If there is none; the message has the remedy.
 */
export async function findManager(
  options: ManagerOptions,
  readToken = readOrPromptToken,
): Promise<ManagerAddress> {
  const url = managerUrl(options.manager);
  const { caCert: file } = options;
  const caCert = file === undefined ? await environmentCaCert() : await readCaCert(file);
  const token = await readToken(options.tokenFile);
  return { url, token, ...(caCert === undefined ? {} : { caCert }) };
}

/**
 * Returns the address or addresses of an option, or else of the environment.
 *
 * @throws {TypeError} If there is none; the message has the remedy.
 */
export function managerUrl(option: string | undefined): string {
  const url = option ?? Deno.env.get("RFAAS_MANAGER");
  if (url) return url;
  throw new TypeError(
    "Cannot find a resource manager: run `rfaas up` in another terminal and set the two variables " +
      "that it prints, or use --manager and --token-file",
  );
}
