/** The common part of all commands. */

import { Command, Option } from "commander";
import { LOG_LEVELS } from "../logging.ts";

/**
 * Makes a command with help, an example, and the options that every command has.
 *
 * @param example Lines of the example, each indented here. A line after one that ends with a backslash is indented more.
 */
export function newCommand(name: string, description: string, example: string): Command {
  const lines = example.trim().split("\n").map((line) => line.trim());
  const indented = lines.map((line, i) =>
    lines[i - 1]?.endsWith("\\") ? `      ${line}` : `  ${line}`
  );
  return new Command(name)
    .description(description)
    .helpOption("-h, --help", "Show help")
    .addOption(
      new Option("--log-level <level>", "Lowest level to log to standard error")
        .choices(LOG_LEVELS)
        .default("warning"),
    )
    .allowExcessArguments(false)
    .configureOutput({ outputError })
    .addHelpText("after", `\nExample:\n${indented.join("\n")}`);
}

/** How a parent process ends this one; see `ShutdownSignal.followStdin()`. Hidden, since no person needs it. */
export function untilStdinEnds(): Option {
  return new Option("--until-stdin-ends").hideHelp();
}

/** Removes the state at the end; see `removedAtEnd()`. Hidden, since no person needs it. */
export function removeState(): Option {
  return new Option("--remove-state").hideHelp();
}

/** Values of the options of {@linkcode newCommand}. */
export interface CommonOptions {
  logLevel: typeof LOG_LEVELS[number];
}

/** Makes commander's own errors begin as those of the commands do. */
export function outputError(text: string, write: (text: string) => void): void {
  write(text.replace(/^error: /, "rfaas: "));
}
