import type { Command } from "commander";
import { newCommand } from "./new_command.ts";

export function demoCommand(): Command {
  return newCommand("demo", "", "");
}
