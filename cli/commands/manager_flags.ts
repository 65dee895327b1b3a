/** The flags of the managers, read by other commands. */

import type { Command } from "commander";
import type { SettingsSource } from "../config/effective_settings.ts";
import { executorManagerCommand } from "./executor_manager_command.ts";
import { resourceManagerCommand } from "./resource_manager_command.ts";
import { UP_DEFAULTS, upCommand } from "./up_command.ts";

interface Manager extends Pick<SettingsSource, "sections" | "defaults"> {
  make: () => Command;
}

/** The commands that have settings, with the sections that their flags apply to. */
const COMMANDS: Record<string, Manager> = {
  "resource-manager": { make: resourceManagerCommand, sections: ["resourceManager"] },
  "executor-manager": { make: executorManagerCommand, sections: ["executorManager"] },
  "up": {
    make: upCommand,
    sections: ["resourceManager", "executorManager"],
    defaults: UP_DEFAULTS,
  },
};

/** Their names. */
export const MANAGERS: readonly string[] = Object.keys(COMMANDS);

/** The settings of a manager, and the paths among its flags, by their long names. */
export interface ManagerFlags extends SettingsSource {
  readonly paths: ReadonlyMap<string, string>;
}

/** Parses the flags of one of {@linkcode MANAGERS} without running it. */
export function parseFlags(name: string, args: readonly string[]): ManagerFlags {
  const { make, ...rest } = COMMANDS[name]!;
  const command = make().exitOverride().action(() => {});
  command.parse(args, { from: "user" });
  const flags = command.opts();
  const paths = command.options.filter(({ flags }) => /<(file|folder)>/.test(flags))
    .flatMap((option): [string, string][] => {
      const value = flags[option.attributeName()];
      return typeof value === "string" ? [[option.long!, value]] : [];
    });
  return { ...rest, flags, paths: new Map(paths) };
}
