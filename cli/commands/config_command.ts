/** `rfaas config`: the settings in effect and where they come from. */

import { Argument, type Command } from "commander";
import { configJsonSchema } from "../config/config_file.ts";
import { configOption } from "../config/config_option.ts";
import { EffectiveSettings, type SettingsSource } from "../config/effective_settings.ts";
import { pathsOf } from "../config/settings.ts";
import { MANAGERS, parseFlags } from "./manager_flags.ts";
import { shownUrl } from "../../runtime/http/shown_url.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";
import { jsonText } from "../json_text.ts";
import { table } from "../table.ts";

interface Options extends CommonOptions {
  config?: string;
  json?: true;
}

export function configCommand(): Command {
  return newCommand(
    "config",
    "Show the configuration of the managers and the schema of its file.",
    "$ rfaas config show --config rfaas.json",
  )
    .enablePositionalOptions()
    .helpCommand("help [command]", "Show help for a command")
    .addCommand(showCommand())
    .addCommand(schemaCommand());
}

function showCommand(): Command {
  return newCommand(
    "show",
    "Print every setting in effect and where it comes from: flag, environment, file or default.",
    `$ rfaas config show --config rfaas.json
    $ rfaas config show --json executor-manager --cores 4`,
  )
    .addOption(configOption())
    .option("--json", "Print one line of JSON")
    .addArgument(
      new Argument("[command]", "Command whose flags to apply").choices([...MANAGERS]),
    )
    .argument("[flags...]", "Flags of that command")
    .allowUnknownOption()
    .passThroughOptions()
    .action(showConfig);
}

async function showConfig(
  name: string | undefined,
  args: string[],
  options: Options,
): Promise<void> {
  const source: SettingsSource = name === undefined
    ? { flags: {}, sections: ["resourceManager", "executorManager"] }
    : parseFlags(name, args);
  const config = options.config ?? (source.flags as Options).config;
  const settings = await EffectiveSettings.load({ ...source, config });
  const found = source.sections.flatMap((section) => pathsOf(section))
    .map((path) => ({ path, ...settings.find(path) }));
  if (options.json) {
    const rows = found.map(({ path, value, from }) => ({
      path,
      value: withoutSecrets(value) ?? null,
      from,
    }));
    return console.log(jsonText({ file: settings.file ?? null, settings: rows }));
  }
  console.log(table(
    ["SETTING", "VALUE", "FROM"],
    found.map(({ path, value, from }) => [path, valueText(withoutSecrets(value)), from]),
  ));
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  return typeof value === "string" ? shownUrl(value) : value;
}

function valueText(value: unknown): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return value.map(valueText).join(" ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

function schemaCommand(): Command {
  return newCommand(
    "schema",
    "Print the JSON Schema of the configuration file.",
    "$ rfaas config schema > rfaas.schema.json",
  )
    .action(() => console.log(JSON.stringify(configJsonSchema(), null, 2)));
}
