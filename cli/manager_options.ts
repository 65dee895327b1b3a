/** How client commands find the resource manager. */

import type { Command } from "commander";
import { environmentCaCert, readCaCert } from "../runtime/http/ca_cert.ts";
import type { ManagerAddress } from "../runtime/http/manager_http.ts";
import { readToken } from "./token.ts";

export interface ManagerOptions {
  caCert?: string;
  manager?: string;
  tokenFile?: string;
}

/** @param role the role that the command's token must have. */
export function addManagerOptions(command: Command, role = "client"): Command {
  return command
    .option("--manager <url>", "the resource manager (default: RFAAS_MANAGER)")
    .option("--token-file <file>", `the file of the ${role} token (default: RFAAS_TOKEN holds it)`)
    .option(
      "--ca-cert <file>",
      "the certificate that an https manager is known by (default: RFAAS_CA_CERT)",
    );
}

/**
 * The address and the token from the options, else from the environment.
 *
 * @throws {TypeError} that explains what to do if there is none.
 */
export async function findManager(
  options: ManagerOptions,
): Promise<ManagerAddress> {
  const url = options.manager ?? Deno.env.get("RFAAS_MANAGER");
  if (!url) {
    throw new TypeError(
      "Cannot find a resource manager: run `rfaas up` in another terminal and set the two variables " +
        "that it prints, or give --manager and --token-file",
    );
  }
  const { caCert: file } = options;
  const caCert = file === undefined ? await environmentCaCert() : await readCaCert(file);
  const token = await readToken(options.tokenFile);
  return { url, token, ...(caCert === undefined ? {} : { caCert }) };
}
