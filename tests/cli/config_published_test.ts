/** The published schema and documentation, against the table of settings. */
import { assert, assertEquals } from "@std/assert";
import { configJsonSchema } from "../../cli/config/config_file.ts";
import { variableOf } from "../../cli/config/effective_settings.ts";
import { type SettingPath, SETTINGS } from "../../cli/config/settings.ts";

const docs = new URL("../../docs/", import.meta.url);
const paths = Object.keys(SETTINGS) as SettingPath[];

Deno.test("docs/config.schema.json is generated from the table of settings", async () => {
  const published = JSON.parse(await Deno.readTextFile(new URL("config.schema.json", docs)));
  const hint = "run: deno run -A cli.ts config schema > docs/config.schema.json";
  assertEquals(published, JSON.parse(JSON.stringify(configJsonSchema())), hint);
});

Deno.test("docs/configuration.md lists each setting, and no two settings share a variable", async () => {
  const text = await Deno.readTextFile(new URL("configuration.md", docs));
  for (const path of paths) assert(text.includes(`| \`${path}\` `), `${path} is not named`);
  const listed = [...text.matchAll(/^\| `([a-zA-Z]+\.[a-zA-Z.]+)` /gm)].map(([, path]) => path!);
  assertEquals(listed, paths);
  assertEquals(new Set(paths.map(variableOf)).size, paths.length);
});
