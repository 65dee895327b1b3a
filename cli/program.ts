/** The tree of commands. */

import { Command } from "commander";
import project from "../deno.json" with { type: "json" };
import { billCommand } from "./bill_command.ts";
import { benchCommand } from "./bench_command.ts";
import { configCommand } from "./config_command.ts";
import { demoCommand } from "./demo_command.ts";
import { devicesCommand } from "./devices_command.ts";
import { doctorCommand } from "./doctor_command.ts";
import { drainCommand, lendCommand } from "./drain_command.ts";
import { executorManagerCommand } from "./executor_manager_command.ts";
import { invokeCommand } from "./invoke_command.ts";
import { keysCommand } from "./keys_command.ts";
import { leasesCommand } from "./leases_command.ts";
import { outputError } from "./new_command.ts";
import { nodesCommand } from "./nodes_command.ts";
import { resourceManagerCommand } from "./resource_manager_command.ts";
import { tokenCommand } from "./token_command.ts";
import { upCommand } from "./up_command.ts";
import { versionCommand } from "./version_command.ts";

/** All commands; parsing throws a CommanderError where commander would end the process. */
export function createProgram(): Command {
  const program = new Command("rfaas")
    .enablePositionalOptions()
    .description("Functions as a service at the speed of memory.")
    .version(project.version, "-V, --version", "Print the version")
    .helpOption("-h, --help", "Show help")
    .helpCommand("help [command]", "Show the help of a command")
    .showHelpAfterError("Try it with --help")
    .addHelpText(
      "after",
      `
Start here:
  $ rfaas doctor     what this host can do
  $ rfaas up         managers for development, on this host
  $ rfaas demo       everything at once, in less than a minute

Exit status: 0 done, 1 failed, 2 not understood.`,
    );
  for (
    const command of [
      upCommand(),
      invokeCommand(),
      nodesCommand(),
      drainCommand(),
      lendCommand(),
      leasesCommand(),
      billCommand(),
      tokenCommand(),
      keysCommand(),
      resourceManagerCommand(),
      executorManagerCommand(),
      configCommand(),
      doctorCommand(),
      devicesCommand(),
      demoCommand(),
      benchCommand(),
      versionCommand(),
    ]
  ) program.addCommand(command);
  const nested = program.commands.flatMap(({ commands }) => commands);
  for (const command of [program, ...program.commands, ...nested]) {
    command.exitOverride();
    command.configureOutput({ outputError });
  }
  for (const command of program.commands) {
    command.showHelpAfterError(`Try: rfaas ${command.name()} --help`);
  }
  for (const command of nested) {
    command.showHelpAfterError(`Try: rfaas ${command.parent!.name()} ${command.name()} --help`);
  }
  return program;
}
