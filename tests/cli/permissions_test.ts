/** Commands run with the flags of docs/permissions.md alone; managers_test.ts has those that run a cluster. */

import { assertEquals } from "@std/assert";
import { rfaas } from "../support/cluster/rfaas_command.ts";
import { documentedFlags } from "../support/docs/documented_flags.ts";
import { TestManager } from "../support/manager/test_manager.ts";

const COMMANDS = [
  "nodes",
  "leases",
  "top --once",
  "bill",
  "report --since 2026-11-01",
  "events",
  "drain here",
  "lend here",
  "remove here --force",
  "token list",
  "keys list",
  "config show",
  "config schema",
  "version",
];

Deno.test("client commands run with the documented permissions alone", async () => {
  await using test = await TestManager.start();
  await test.register("here");
  const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token("operator") };
  for (const command of COMMANDS) {
    const args = command.split(" ");
    const name = args[0] === "config" ? command : args[0]!;
    const permissions = await documentedFlags(name, { MANAGER: new URL(test.url).host });
    const { code, stderr } = await rfaas(args, { env, permissions });
    assertEquals({ code, stderr }, { code: 0, stderr: "" }, `${command} ${permissions.join(" ")}`);
  }
});
