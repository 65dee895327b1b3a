/** Which npm packages a package of the program has. */

import { assertEquals, assertRejects } from "@std/assert";
import { addNpmPackages, packagesOf } from "../../../scripts/package/npm_packages.ts";

function npmPackage(name: string, version: string, dependencies: string[] = []) {
  return { name, version, dependencies, localPath: "/nowhere" };
}

Deno.test("`packagesOf()` has what the modules import and what that needs, and no more of the lock file", () => {
  const npmPackages = {
    "a@1.0.0_b@2.0.0": npmPackage("a", "1.0.0", ["b@2.0.0", "c@3.0.0"]),
    "b@2.0.0": npmPackage("b", "2.0.0", ["a@1.0.0_b@2.0.0"]),
    "c@3.0.0": npmPackage("c", "3.0.0"),
    "unused@1.0.0": npmPackage("unused", "1.0.0", ["c@3.0.0"]),
  };
  const module = { npmPackage: "a@1.0.0_b@2.0.0" };
  const found = packagesOf([{ modules: [{}], npmPackages }, { modules: [module], npmPackages }]);
  assertEquals([...found.keys()], ["a@1.0.0_b@2.0.0", "b@2.0.0", "c@3.0.0"]);
});

Deno.test("`addNpmPackages()` refuses two versions of a package", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const of = (version: string) => ({ ...npmPackage("a", version), localPath: folder });
    const packages = new Map([["a@1.0.0", of("1.0.0")], ["a@2.0.0", of("2.0.0")]]);
    await assertRejects(
      () => addNpmPackages(`${folder}-program`, packages),
      Error,
      "Cannot package a: there are versions 1.0.0 and 2.0.0 of it",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(`${folder}-program`, { recursive: true });
  }
});
