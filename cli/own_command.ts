/** The command that runs this program again: in a service, or in a job. */

import { existsSync } from "node:fs";

const PROGRAM = pathOf("../cli.ts");
/** The command of an installed package, which adds the bundler to Deno's cache: the other host may have no network. */
const PACKAGED = pathOf("../bin/rfaas");

/** Deno with its flags, and the program. The arguments of `rfaas` follow. */
export function ownCommand(): string[] {
  return existsSync(PACKAGED)
    ? ["/usr/bin/env", `RFAAS_DENO=${Deno.execPath()}`, PACKAGED]
    : [Deno.execPath(), "run", "--allow-all", "--no-prompt", "--quiet", PROGRAM];
}

/** The files that the user of a service must be able to read. */
export function ownFiles(): string[] {
  return [Deno.execPath(), PROGRAM, ...existsSync(PACKAGED) ? [PACKAGED] : []];
}

function pathOf(module: string): string {
  return decodeURIComponent(new URL(module, import.meta.url).pathname);
}
