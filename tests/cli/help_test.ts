import { assertEquals, assertMatch } from "@std/assert";
import project from "../../deno.json" with { type: "json" };
import { rfaas } from "./rfaas.ts";

const COMMANDS = [
  "up",
  "invoke",
  "nodes",
  "leases",
  "keys",
  "keys list",
  "keys rotate",
  "token",
  "token create",
  "token list",
  "token revoke",
  "resource-manager",
  "manager",
  "executor-manager",
  "executor",
  "config",
  "config show",
  "config schema",
  "devices",
  "doctor",
  "demo",
  "bench",
  "version",
];

Deno.test("rfaas --help names the commands and the exit statuses", async () => {
  const { code, stdout } = await rfaas(["--help"]);
  assertEquals(code, 0);
  for (const name of COMMANDS.filter((name) => !name.includes(" "))) {
    assertMatch(stdout, new RegExp(`\\b${name}\\b`));
  }
  assertMatch(stdout, /0 done, 1 failed, 2 not understood/);
});

for (const name of COMMANDS) {
  Deno.test(`rfaas ${name} --help shows an example`, async () => {
    const { code, stdout, stderr } = await rfaas([...name.split(" "), "--help"]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertMatch(stdout, /^Usage: rfaas /);
    assertMatch(stdout, /\nExample:\n {2}\$ .*\brfaas /);
    assertEquals(stdout.includes("--until-stdin-ends"), false);
  });
}

Deno.test("rfaas version gives both versions", async () => {
  const plain = await rfaas(["version"]);
  assertEquals(plain.stdout, `rfaas ${project.version} on Deno ${Deno.version.deno}\n`);
  const json = await rfaas(["version", "--json"]);
  assertEquals(JSON.parse(json.stdout), { rfaas: project.version, deno: Deno.version.deno });
  assertEquals((await rfaas(["--version"])).stdout, `${project.version}\n`);
});
