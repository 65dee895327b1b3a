/** The program with one command: jobs wait for the hooks of Slurm, and loading all commands takes as long as Deno itself. */

import type { Command } from "commander";
import { slurmCommand } from "./commands/slurm_command.ts";
import { newProgram } from "./new_program.ts";

/** Makes the program; {@linkcode newProgram} describes it. */
export function createProgram(): Command {
  return newProgram([slurmCommand()]);
}
