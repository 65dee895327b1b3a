/** `rfaas doctor`: what this host can do, and what would help. */

import type { Command } from "commander";
import { checkHost } from "./host_checks.ts";
import { type CommonOptions, newCommand } from "./new_command.ts";

export function doctorCommand(): Command {
  return newCommand(
    "doctor",
    "Look at what this host can do, and name the command that adds what is missing.",
    "$ rfaas doctor",
  )
    .option("--json", "print one line of JSON")
    .action(runDoctor);
}

async function runDoctor(options: CommonOptions & { json?: true }): Promise<void> {
  const checks = await checkHost();
  const missing = checks.filter(({ kind, ok }) => kind === "needed" && !ok);
  if (options.json) console.log(JSON.stringify({ ok: missing.length === 0, checks }));
  else {
    const width = Math.max(...checks.map(({ name }) => name.length));
    for (const { name, kind, ok, found, fix } of checks) {
      const mark = ok ? "ok     " : kind === "needed" ? "MISSING" : "less   ";
      console.log(`${mark}  ${name.padEnd(width)}  ${found}`);
      if (fix) console.log(`${" ".repeat(9 + width)}  to have it: ${fix}`);
    }
    const rdma = checks.some(({ name, ok }) => name === "RDMA device" && ok);
    console.log(
      missing.length > 0
        ? "\nrfaas can't run here yet."
        : rdma
        ? "\nrfaas runs here by shared memory; there is an RDMA device as well."
        : "\nrfaas runs here by shared memory. No RDMA device can be used, and none is needed on one host.",
    );
  }
  if (missing.length > 0) {
    throw new Error(
      `Cannot run rfaas on this host: ${missing.map(({ name }) => name).join(", ")} missing`,
    );
  }
}
