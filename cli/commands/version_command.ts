/** `rfaas version`. */

import type { Command } from "commander";
import project from "../../deno.json" with { type: "json" };
import { type CommonOptions, newCommand } from "./new_command.ts";
import { jsonText } from "../json_text.ts";

export function versionCommand(): Command {
  return newCommand("version", "Print the versions of rfaas and of Deno.", "$ rfaas version --json")
    .option("--json", "Print one line of JSON")
    .action((options: CommonOptions & { json?: true }) => {
      const versions = { rfaas: project.version, deno: Deno.version.deno };
      console.log(
        options.json ? jsonText(versions) : `rfaas ${versions.rfaas} on Deno ${versions.deno}`,
      );
    });
}
