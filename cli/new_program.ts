/** A program of commands: its help, and how errors of usage are reported. */

import { Command } from "commander";
import project from "../deno.json" with { type: "json" };
import { outputError } from "./commands/new_command.ts";

/**
 * Makes the program with these commands. Parsing throws a `CommanderError` where commander would end the process.
 */
export function newProgram(commands: readonly Command[]): Command {
  const program = new Command("rfaas")
    .enablePositionalOptions()
    .description("Functions as a service at the speed of memory.")
    .version(project.version, "-V, --version", "Print the version")
    .helpOption("-h, --help", "Show help")
    .helpCommand("help [command]", "Show help for a command")
    .showHelpAfterError("Try: rfaas --help")
    .configureOutput({ outputError })
    .addHelpText(
      "after",
      `
Start here:
  $ rfaas doctor     check this host
  $ rfaas up         run both managers for development
  $ rfaas demo       take a tour of less than a minute, in a clone of the repository

Exit status: 0 success, 1 failure, 2 usage error.`,
    );
  for (const command of commands) program.addCommand(command);
  const nested = program.commands.flatMap(({ commands }) => commands);
  for (const command of [program, ...program.commands, ...nested]) command.exitOverride();
  for (const command of program.commands) {
    command.showHelpAfterError(`Try: rfaas ${command.name()} --help`);
  }
  for (const command of nested) {
    command.showHelpAfterError(`Try: rfaas ${command.parent!.name()} ${command.name()} --help`);
  }
  return program;
}
