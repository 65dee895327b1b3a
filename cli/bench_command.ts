import type { Command } from "commander";
import { newCommand } from "./new_command.ts";

export function benchCommand(): Command {
  return newCommand("bench", "", "");
}
