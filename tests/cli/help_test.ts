import { assertEquals, assertMatch } from "@std/assert";
import { createProgram } from "../../cli/program.ts";
import project from "../../deno.json" with { type: "json" };
import { rfaas } from "../support/cluster/rfaas_command.ts";

/** All commands, their aliases, and the commands of a command. */
const COMMANDS = createProgram().commands.flatMap((command) => [
  command.name(),
  ...command.aliases(),
  ...command.commands.map((nested) => `${command.name()} ${nested.name()}`),
]);

Deno.test("rfaas --help lists the commands and the exit statuses", async () => {
  const { code, stdout } = await rfaas(["--help"]);
  assertEquals(code, 0);
  for (const name of COMMANDS.filter((name) => !name.includes(" "))) {
    assertMatch(stdout, new RegExp(`\\b${name}\\b`));
  }
  assertMatch(stdout, /0 success, 1 failure, 2 usage error/);
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

Deno.test("rfaas --help describes each command in a few lines", () => {
  const texts = createProgram().commands.map((command) =>
    command.summary() || command.description()
  );
  assertEquals(texts.filter((text) => text.length > 120), []);
});

Deno.test("docs/command-line.md and docs/permissions.md name every command", async () => {
  for (const page of ["command-line", "permissions"]) {
    const text = await Deno.readTextFile(new URL(`../../docs/${page}.md`, import.meta.url));
    const rows = text.split("\n").filter((line) => line.startsWith("| `rfaas ")).join("\n");
    for (const name of createProgram().commands.map((command) => command.name())) {
      assertMatch(rows, new RegExp(`\`rfaas ${name}\\b`), `${page}: ${name}`);
    }
  }
});

Deno.test("rfaas version prints both versions", async () => {
  const plain = await rfaas(["version"]);
  assertEquals(plain.stdout, `rfaas ${project.version} on Deno ${Deno.version.deno}\n`);
  const json = await rfaas(["version", "--json"]);
  assertEquals(JSON.parse(json.stdout), { rfaas: project.version, deno: Deno.version.deno });
  assertEquals((await rfaas(["--version"])).stdout, `${project.version}\n`);
});
