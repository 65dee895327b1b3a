/** `rfaas config`: what is in force and where it came from. */

import { Argument, type Command } from "commander";
import { configJsonSchema } from "./config/config_file.ts";
import { configOption } from "./config/config_option.ts";
import { EffectiveSettings, type SettingsSource } from "./config/effective_settings.ts";
import { pathsOf } from "./config/settings.ts";
import { executorManagerCommand } from "./executor_manager_command.ts";
import { type CommonOptions, newCommand, outputError } from "./new_command.ts";
import { resourceManagerCommand } from "./resource_manager_command.ts";
import { table } from "./table.ts";
import { UP_STANDARDS, upCommand } from "./up_command.ts";

interface Options extends CommonOptions {
  config?: string;
  json?: true;
}

interface Manager extends Pick<SettingsSource, "sections" | "standards"> {
  make: () => Command;
}

/** The commands whose settings can be shown, with the sections that their flags are for. */
const MANAGERS: Record<string, Manager> = {
  "resource-manager": { make: resourceManagerCommand, sections: ["resourceManager"] },
  "executor-manager": { make: executorManagerCommand, sections: ["executorManager"] },
  "up": {
    make: upCommand,
    sections: ["resourceManager", "executorManager"],
    standards: UP_STANDARDS,
  },
};

export function configCommand(): Command {
  return newCommand(
    "config",
    "Show the configuration of the managers, and the schema of its file.",
    "$ rfaas config show --config rfaas.json",
  )
    .enablePositionalOptions()
    .helpCommand("help [command]", "Show the help of a command")
    .addCommand(showCommand())
    .addCommand(schemaCommand());
}

function showCommand(): Command {
  return newCommand(
    "show",
    "Print every setting in force and where it came from: flag, environment, file or default.",
    `$ rfaas config show --config rfaas.json
    $ rfaas config show --json executor-manager --cores 4`,
  )
    .addOption(configOption())
    .option("--json", "print one line of JSON")
    .addArgument(
      new Argument("[command]", "as if it were started").choices(Object.keys(MANAGERS)),
    )
    .argument("[flags...]", "the flags that it would be started with")
    .allowUnknownOption()
    .passThroughOptions()
    .action(showConfig);
}

async function showConfig(
  name: string | undefined,
  args: string[],
  options: Options,
): Promise<void> {
  const source = flagsOf(name, args);
  const config = options.config ?? (source.flags as Options).config;
  const settings = await EffectiveSettings.load({ ...source, config });
  const found = source.sections.flatMap((section) => pathsOf(section))
    .map((path) => ({ path, ...settings.find(path) }));
  if (options.json) {
    const rows = found.map(({ path, value, from }) => ({ path, value: value ?? null, from }));
    return console.log(JSON.stringify({ file: settings.file ?? null, settings: rows }));
  }
  console.log(table(
    ["SETTING", "VALUE", "FROM"],
    found.map(({ path, value, from }) => [path, valueText(value), from]),
  ));
}

/** What the command makes of its flags, without being run. */
function flagsOf(name: string | undefined, args: readonly string[]): SettingsSource {
  const manager = name === undefined ? undefined : MANAGERS[name];
  if (manager === undefined) {
    return { flags: {}, sections: ["resourceManager", "executorManager"] };
  }
  const { make, ...rest } = manager;
  const command = make().exitOverride().action(() => {}).configureOutput({ outputError });
  command.parse(args, { from: "user" });
  return { ...rest, flags: command.opts() };
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
