/** The rooms, their one direction, the packages, the sizes: of this code, and of code that breaks each rule. */

import { assertEquals } from "@std/assert";
import * as rules from "./support/architecture_rules.ts";
import { readTree } from "./support/source_tree.ts";

const project = await readTree(new URL("..", import.meta.url));

/** Code that breaks one rule, and what the rule says to it. */
const BROKEN: Record<keyof typeof rules, [files: Record<string, string>, breaches: string[]]> = {
  importsRunOneWay: [
    {
      "mod.ts": 'export { a } from "./fabric/a.ts";',
      "functions.ts": 'export { a } from "./mod.ts"; export { c } from "./runtime/c.ts";',
      "ffi/a.ts": 'import { b } from "../fabric/b.ts";',
      "fabric/b.ts": 'const { c } = await import("../runtime/c.ts");',
      "runtime/c.ts": 'new Worker(new URL("../manager/d.ts", import.meta.url));',
      "manager/d.ts": 'export * from "../cli/e.ts";\n// import "../cli.ts";',
      "cli/e.ts": 'import "../ffi/a.ts"; import "../examples/f.ts";',
      "examples/f.ts": 'import "../mod.ts"; import type { C } from "../runtime/c.ts";',
      "tests/g.ts": 'import "../ffi/a.ts";',
    },
    [
      "mod.ts uses fabric/a.ts",
      "functions.ts uses mod.ts",
      "ffi/a.ts uses fabric/b.ts",
      "fabric/b.ts uses runtime/c.ts",
      "runtime/c.ts uses manager/d.ts",
      "manager/d.ts uses cli/e.ts",
      "cli/e.ts uses examples/f.ts",
      "examples/f.ts uses runtime/c.ts",
    ],
  ],
  nativeCodeStaysInFfi: [
    {
      "ffi/a.ts": 'Deno.dlopen("x", {});',
      "fabric/b.ts": 'Deno.dlopen("x", {});',
      "runtime/c.ts": "let p: Deno.PointerObject; // Deno.dlopen",
      "manager/d.ts": " * Deno.dlopen is not called",
    },
    ["fabric/b.ts uses Deno.dlopen", "runtime/c.ts uses Deno.PointerObject"],
  ],
  noImportCycles: [
    {
      "ffi/a.ts": 'import "./b.ts";',
      "ffi/b.ts": 'import type { C } from "./c.ts";',
      "ffi/c.ts": 'import "./a.ts";',
    },
    ["ffi/a.ts -> ffi/b.ts -> ffi/c.ts -> ffi/a.ts"],
  ],
  noCyclesBetweenFolders: [
    {
      "ffi/a/one.ts": 'import "../b/two.ts";',
      "ffi/b/two.ts": 'import "../c.ts"; import "./deep/four.ts";',
      "ffi/c.ts": 'import "./a/three.ts";',
      "ffi/a/three.ts": "",
      "ffi/b/deep/four.ts": 'import "../five.ts"; import "../../../fabric/d.ts";',
      "ffi/b/five.ts": 'new Worker(new URL("./deep/six.ts", import.meta.url));',
      "ffi/b/deep/six.ts": "",
      "fabric/d.ts": 'import "../ffi/c.ts";', // between rooms is for importsRunOneWay to judge
    },
    [
      "ffi/a -> ffi/b -> ffi/c.ts -> ffi/a",
      "ffi/b/deep -> ffi/b/five.ts -> ffi/b/deep",
    ],
  ],
  filesStayShort: [
    { "ffi/a.ts": "\n".repeat(400), "ffi/b.ts": "\n".repeat(401) },
    ["ffi/b.ts has 401 lines, 400 at most"],
  ],
  filesAreNamedByWhatTheyHold: [
    { "ffi/utils.ts": "", "types.ts": "", "ffi/shared_types.ts": "" },
    ["ffi/utils.ts says nothing by its name", "types.ts says nothing by its name"],
  ],
  packagesAreInlineAndNamedOnce: [
    {
      "runtime/a.ts": 'import "npm:one@1.2.3"; import "node:fs";',
      "ffi/b.ts": 'import { x } from "npm:one@1.2.3/sub.js";',
      "manager/c.ts": 'import { y } from "@std/assert";',
      "cli/d.ts": 'import { z } from "commander";',
    },
    [
      "manager/c.ts imports @std/assert, which is no npm:name@x.y.z",
      "one is named in runtime/a.ts, ffi/b.ts",
    ],
  ],
  versionsArePinned: [
    {
      "deno.json": '{"imports": {"a": "npm:a@1.2.3", "@b/b": "npm:@b/b@^1.2.3/mod.js"}}',
      "tests/a.ts": 'import "np' + 'm:c@1";',
    },
    ["deno.json maps @b/b to npm:@b/b@^1.2.3/mod.js", "tests/a.ts imports npm:c@1"],
  ],
  nothingNamesThisMachine: [
    { "docs/a.md": "see /ho" + "me/someone/x", "docs/b.md": "~/home and https://deno.com/home/x" },
    ["docs/a.md names /ho" + "me/someone"],
  ],
};

for (const [name, rule] of Object.entries(rules)) {
  Deno.test(`${name}: holds of this project`, () => {
    assertEquals(rule(project), []);
  });
  Deno.test(`${name}: tells of code that breaks it`, () => {
    const [files, breaches] = BROKEN[name as keyof typeof rules];
    assertEquals(rule(new Map(Object.entries(files))), breaches);
  });
}
