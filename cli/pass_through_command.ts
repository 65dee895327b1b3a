/** A command that hands its arguments to a program of its own. */

import type { Command } from "commander";
import { newCommand } from "./new_command.ts";
import { runScript, ScriptFailed } from "./run_script.ts";

export function passThroughCommand(
  name: string,
  description: string,
  example: string,
  script: URL,
): Command {
  const command = newCommand(name, description, example)
    .argument("[arguments...]", `as ${name} itself takes them; see: rfaas ${name} -- --help`)
    .allowUnknownOption()
    .passThroughOptions();
  return command.action(async (args: string[]) => {
    const status = await runScript(script, args);
    if (status !== 0) throw new ScriptFailed(status);
  });
}
