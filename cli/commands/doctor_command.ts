/** `rfaas doctor`: what this host supports, and how to add what is missing. */

import { green, red, yellow } from "@std/fmt/colors";
import type { Command } from "commander";
import { checkHost } from "../checks/host_checks.ts";
import type { HostCheck } from "../checks/host_check.ts";
import { checkSlurm } from "../checks/slurm_checks.ts";
import { checkStore } from "../checks/store_checks.ts";
import { configOption } from "../config/config_option.ts";
import { EffectiveSettings } from "../config/effective_settings.ts";
import { jsonText } from "../json_text.ts";
import { addStoreOptions, type StoreFlags, storeOf } from "../options/store_options.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";

export function doctorCommand(): Command {
  const command = newCommand(
    "doctor",
    "Check this host, and the etcd of the resource manager if it uses one; show the command that adds " +
      "what is missing.",
    "$ rfaas doctor",
  ).addOption(configOption());
  return addStoreOptions(command)
    .option("--slurm", "Check the configuration and the hooks of Slurm on this node too")
    .option("--json", "Print one line of JSON")
    .action(runDoctor);
}

interface Options extends CommonOptions, StoreFlags {
  config?: string;
  slurm?: true;
  json?: true;
}

async function runDoctor(options: Options): Promise<void> {
  const settings = await EffectiveSettings.load({
    flags: options,
    sections: ["resourceManager"],
    config: options.config,
  });
  const checks = [
    ...await checkHost(),
    ...await checkStore(storeOf(settings)),
    ...options.slurm ? await checkSlurm() : [],
  ];
  const missing = checks.filter(({ kind, ok }) => kind === "required" && !ok);
  if (options.json) console.log(jsonText({ ok: missing.length === 0, checks }));
  else printChecks(checks);
  if (missing.length > 0) {
    throw new Error(
      `Cannot run rfaas on this host: ${missing.map(({ name }) => name).join(", ")} missing`,
    );
  }
}

const MARKS = {
  ok: { text: "ok     ", color: green },
  required: { text: "MISSING", color: red },
  optional: { text: "limited", color: yellow },
};

function printChecks(checks: readonly HostCheck[]): void {
  const isTerminal = Deno.stdout.isTerminal();
  const width = Math.max(...checks.map(({ name }) => name.length));
  const fixes = new Map<string, string>(); // by the fix, the first check that has it
  for (const { name, kind, ok, found, fix } of checks) {
    const { text, color } = MARKS[ok ? "ok" : kind];
    console.log(`${isTerminal ? color(text) : text}  ${name.padEnd(width)}  ${found}`);
    if (!fix) continue;
    const first = fixes.get(fix);
    if (first === undefined) fixes.set(fix, name);
    const remedy = first === undefined ? fix : `as for ${first}`;
    console.log(`${" ".repeat(9 + width)}  to fix: ${remedy}`);
  }
  console.log(`\n${summary(checks)}`);
}

function summary(checks: readonly HostCheck[]): string {
  if (checks.some(({ kind, ok }) => kind === "required" && !ok)) {
    return "rfaas cannot run here yet.";
  }
  return checks.some(({ name, ok }) => name === "RDMA device" && ok)
    ? "rfaas runs here in shared memory and over RDMA."
    : "rfaas runs here in shared memory. There is no usable RDMA device; one host needs none.";
}
