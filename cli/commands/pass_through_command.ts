/** A command that passes its arguments to another program of this repository. */

import type { Command } from "commander";
import { newCommand } from "./new_command.ts";
import { runScript, ScriptFailedError } from "../run_script.ts";

export function passThroughCommand(
  name: string,
  description: string,
  example: string,
  script: URL,
): Command {
  const command = newCommand(name, description, example)
    .argument("[arguments...]", `Arguments of ${name}; see: rfaas ${name} -- --help`)
    .allowUnknownOption()
    .passThroughOptions();
  return command.action(async (args: string[]) => {
    const status = await runScript(script, args);
    if (status !== 0) throw new ScriptFailedError(status);
  });
}
