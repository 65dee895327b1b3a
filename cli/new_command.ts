/** What all commands have in common. */

import { Command, Option } from "commander";
import { LOG_LEVELS } from "./logging.ts";

/**
 * A command with its help, an example in it, and the options that every command takes.
 *
 * @param example lines as they are typed; indented here.
 */
export function newCommand(name: string, description: string, example: string): Command {
  const lines = example.trim().split("\n").map((line) => `  ${line.trim()}`);
  return new Command(name)
    .description(description)
    .helpOption("-h, --help", "Show help")
    .addOption(
      new Option("--log-level <level>", "what is logged to standard error")
        .choices(LOG_LEVELS)
        .default("warning"),
    )
    .allowExcessArguments(false)
    .addHelpText("after", `\nExample:\n${lines.join("\n")}`);
}

/** How a parent process ends this one; see Ending.followStdin. Not for people, so not in the help. */
export function untilStdinEnds(): Option {
  return new Option("--until-stdin-ends").hideHelp();
}

/** What {@linkcode newCommand}'s options give. */
export interface CommonOptions {
  logLevel: typeof LOG_LEVELS[number];
}

/** How commander's own complaints begin. */
export function outputError(text: string, write: (text: string) => void): void {
  write(text.replace(/^error: /, "rfaas: "));
}
