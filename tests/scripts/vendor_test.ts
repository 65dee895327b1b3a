/** The vendored packages are what their pinned versions give, and nothing that an app imports needs npm. */
import { assertEquals } from "@std/assert";
import { fileOf, VENDORED, vendoredCode } from "../../scripts/vendor.ts";

const root = new URL("../../", import.meta.url);

for (const each of VENDORED) {
  Deno.test(`${each.folder ?? "vendor/"}${each.file}.js is what ${each.name} ${each.version} gives`, async () => {
    const text = await Deno.readTextFile(fileOf(each));
    assertEquals(text, await vendoredCode(each), "run: deno run --allow-all scripts/vendor.ts");
  });
}

Deno.test("no module of an app's graph imports a package from npm", async () => {
  for (const entry of ["mod.ts", "functions.ts", "manager.ts"]) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-lock", entry],
      cwd: root,
    }).output();
    const { modules } = JSON.parse(new TextDecoder().decode(stdout));
    const names = (modules as { specifier: string }[]).map(({ specifier }) => specifier);
    assertEquals(
      names.filter((name) => !name.startsWith("file:") && !name.startsWith("node:")),
      [],
      entry,
    );
  }
});
