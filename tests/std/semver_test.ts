/** The fields and the order of versions. */

import { assertEquals, assertThrows } from "@std/assert";
import { greaterOrEqual, parse } from "@std/semver";

Deno.test("`parse()` reads a version", () => {
  const version: ReturnType<typeof parse> = parse("v1.22.3-rc.1+deb");
  assertEquals(version, { major: 1, minor: 22, patch: 3, prerelease: ["rc", 1], build: ["deb"] });
  for (const wrong of ["", "1.2", "1.2.x"]) assertThrows(() => parse(wrong), TypeError, "Cannot");
});

Deno.test("`greaterOrEqual()` compares numbers, and puts a release after its candidates", () => {
  const isAtLeast = (one: string, other: string) => greaterOrEqual(parse(one), parse(other));
  assertEquals(isAtLeast("2.10.0", "2.9.6"), true);
  assertEquals(isAtLeast("2.9.6", "2.9.6"), true);
  assertEquals(isAtLeast("2.9.6-rc.1", "2.9.6"), false);
});
