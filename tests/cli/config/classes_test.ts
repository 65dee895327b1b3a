/** The classes of the configuration: what the file and the variable take, and which part of it the manager uses. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readConfigFile } from "../../../cli/config/config_file.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { rfaas, startRfaas } from "../../support/cluster/rfaas_command.ts";

const docs = new URL("../../../docs/", import.meta.url);

/** Runs `use` with a configuration file that has these classes. */
async function withClasses<T>(classes: unknown, use: (file: string) => Promise<T>): Promise<T> {
  const file = await Deno.makeTempFile({ prefix: "rfaas-test-", suffix: ".json" });
  try {
    await Deno.writeTextFile(file, JSON.stringify({ resourceManager: { classes } }));
    return await use(file);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("the classes that docs/configuration.md shows are accepted", async () => {
  const text = await Deno.readTextFile(new URL("configuration.md", docs));
  const section = text.slice(text.indexOf("\n## Classes"));
  const { resourceManager: { classes } } = JSON.parse(/```json\n([^]*?)```/.exec(section)![1]!);
  const read = await withClasses(classes, readConfigFile);
  assertEquals(read.get("resourceManager.classes"), classes);
});

Deno.test("classes that are wrong are refused with the path of the fault", async () => {
  const wrong: [unknown, RegExp][] = [
    [{ gold: { priority: 1.5 } }, /classes\.gold\.priority: expected integer, got 1\.5$/],
    [{ gold: { priority: 2e6 } }, /classes\.gold\.priority: expected <=1000000, got 2000000$/],
    [{ gold: { share: 0 } }, /classes\.gold\.share: expected >=0\.001, got 0$/],
    [{ gold: { preempts: 1 } }, /classes\.gold\.preempts: expected boolean, got 1$/],
    [{ gold: { graceSeconds: -1 } }, /classes\.gold\.graceSeconds: expected >=0, got -1$/],
    [{ gold: { weight: 1 } }, /classes\.gold\.weight: unknown key$/],
    [{ gold: 7 }, /classes\.gold: expected Object, got 7$/],
    [{ "7": {} }, /classes\.7: expected a letter, then at most 63 letters, .*, got "7"$/],
    [{ "a b": {} }, /classes\.a b: expected a letter, .*, got "a b"$/],
    [[{ priority: 1 }], /classes\.0: expected a letter, .*, got "0"$/],
    ["gold", /classes: expected Object, got "gold"$/],
  ];
  for (const [classes, message] of wrong) {
    const error = await withClasses(
      classes,
      (file) => assertRejects(() => readConfigFile(file), TypeError),
    );
    assertMatch(error.message, message);
  }
});

Deno.test("rfaas config show prints classes, also those of the variable, and the resource manager uses them", async () => {
  const shown = async (args: string[], env: Record<string, string> = {}) => {
    const { stdout } = await rfaas(["config", "show", "--json", ...args], { env });
    const { settings } = JSON.parse(stdout);
    return settings.find(({ path }: { path: string }) => path === "resourceManager.classes");
  };
  const variable = "RFAAS_RESOURCE_MANAGER_CLASSES";
  const classes = { urgent: { priority: 3 } };
  const { value, from } = await shown([], { [variable]: JSON.stringify(classes) });
  assertEquals([value, from], [classes, `environment ${variable}`]);
  await withClasses(classes, async (file) => {
    assertEquals((await shown(["--config", file])).value, classes);
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    try {
      const args = ["--config", file, "--listen", "http://127.0.0.1:0", "--state", `${folder}/m`];
      await using manager = await startRfaas(["resource-manager", ...args]);
      const token = Deno.readTextFileSync(manager.ready.tokenFiles.operator).trim();
      using operator = new ManagerClient({ url: manager.ready.urls[0], token });
      await operator.createToken({ role: "client", name: "eve", class: "urgent" });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});
