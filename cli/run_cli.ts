/** From the arguments to an exit status. */

import { CommanderError } from "commander";
import { createProgram } from "./program.ts";
import { ScriptFailed } from "./run_script.ts";

/** The exit statuses of every command. */
export const ExitStatus = { OK: 0, FAILED: 1, USAGE: 2 } as const;

/**
 * Runs the command that the arguments name.
 *
 * @returns the exit status: 0, 1 (it failed: one line on standard error tells why) or 2 (it can't be understood).
 */
export async function runCli(args: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync(args, { from: "user" });
    return ExitStatus.OK;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version come this way too, with status 0; what went wrong has been printed.
      return error.exitCode === 0 ? ExitStatus.OK : ExitStatus.USAGE;
    }
    if (error instanceof ScriptFailed) {
      return error.status === ExitStatus.USAGE ? ExitStatus.USAGE : ExitStatus.FAILED;
    }
    console.error(`rfaas: ${failureText(error)}`);
    return ExitStatus.FAILED;
  }
}

/** One line; the causes that say more stand behind it. */
function failureText(error: unknown): string {
  const texts: string[] = [];
  for (let one = error; one !== undefined && texts.length < 4;) {
    const text = one instanceof Error ? one.message || one.name : String(one);
    if (!texts.some((known) => known.includes(text))) texts.push(text);
    one = one instanceof Error ? one.cause : undefined;
  }
  return texts.join(": ").replaceAll(/\s*\n\s*/g, " ");
}
