/** The same files give the same bytes. */

import { assertEquals } from "@std/assert";
import { writeArchive } from "../../../scripts/package/archive.ts";
import { writeDebianPackage } from "../../../scripts/package/debian_package.ts";
import { commandOutput } from "../../../scripts/vm/command_output.ts";

const SECONDS = "1700000000";
const isDebian = await commandOutput(["dpkg-deb", "--version"]).then(() => true, () => false);

/** Packages of a program whose files are made in this order, in this year. */
async function build(folder: string, names: string[], year: string): Promise<string[]> {
  const program = `${folder}/program`;
  await Deno.mkdir(program, { recursive: true });
  for (const name of names) {
    await Deno.writeTextFile(`${program}/${name}`, `text of ${name}`);
    await Deno.utime(`${program}/${name}`, new Date(year), new Date(year));
  }
  const archive = `${folder}/program.tar.gz`;
  await writeArchive(program, archive, SECONDS);
  return [archive, await writeDebianPackage(program, folder, SECONDS)];
}

Deno.test({
  name: `packages depend on the files alone${isDebian ? "" : " (needs dpkg-deb)"}`,
  ignore: !isDebian,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    try {
      const paths = [
        ...await build(`${folder}/one`, ["a", "LICENSE", "b"], "2020"),
        ...await build(`${folder}/two`, ["b", "a", "LICENSE"], "2030"),
      ];
      const sums = await Promise.all(
        paths.map(async (path) => (await commandOutput(["sha256sum", path])).split(" ")[0]),
      );
      assertEquals(sums.slice(0, 2), sums.slice(2));
      const listed = await commandOutput(["tar", "--list", "--file", paths[0]!]);
      assertEquals(listed, "program/\nprogram/LICENSE\nprogram/a\nprogram/b\n");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
