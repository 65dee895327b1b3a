/** From the arguments to an exit status. */

import { type Command, CommanderError } from "commander";
import { ScriptFailedError } from "./run_script.ts";
import { visibleText } from "./visible_text.ts";

/** The exit statuses of every command. */
const ExitStatus = { OK: 0, FAILED: 1, USAGE: 2 } as const;

/** Causes of an error that its line shows at most. */
const MAX_CAUSES = 3;

/**
 * Runs the command of a program that the arguments name.
 *
 * @returns The exit status: 0 for success, 1 for a failure, which one line on standard error describes, or 2 for a usage
 * error.
 */
export async function runCli(program: Command, args: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(args, { from: "user" });
    return ExitStatus.OK;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version arrive here too, with status 0. Commander has printed everything.
      return error.exitCode === 0 ? ExitStatus.OK : ExitStatus.USAGE;
    }
    if (error instanceof ScriptFailedError) {
      return error.status === ExitStatus.USAGE ? ExitStatus.USAGE : ExitStatus.FAILED;
    }
    if (error instanceof Deno.errors.BrokenPipe) return ExitStatus.OK; // the reader of the output has enough
    console.error(`rfaas: ${failureText(error)}`);
    return ExitStatus.FAILED;
  }
}

/** The message of an error and those of its causes that add something, in one line. */
function failureText(error: unknown): string {
  const texts: string[] = [];
  for (let at = error; at !== undefined && texts.length <= MAX_CAUSES;) {
    const text = at instanceof Error ? at.message || at.name : String(at);
    if (!texts.some((earlier) => earlier.includes(text))) texts.push(text);
    at = at instanceof Error ? at.cause : undefined;
  }
  return visibleText(texts.join(": ").replaceAll(/\s*\n\s*/g, " "));
}
