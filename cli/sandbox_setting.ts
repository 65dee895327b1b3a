/** The sandbox that the settings name: a recipe, or a command of the owner's own. */

import type { SandboxChoice } from "../manager/executor/sandbox/os_sandbox.ts";
import type { EffectiveSettings } from "./config/effective_settings.ts";

export function sandboxOf(settings: EffectiveSettings): SandboxChoice {
  const command = settings.get("executorManager.sandbox.command");
  if (command === undefined) return settings.require("executorManager.sandbox.recipe");
  return {
    command,
    rdma: settings.require("executorManager.sandbox.rdma"),
    net: settings.require("executorManager.sandbox.net"),
    readable: settings.require("executorManager.sandbox.readable"),
  };
}
