/** The structure of this project, and of code that breaks each rule. */

import { assertEquals } from "@std/assert";
import * as rules from "./support/rules/architecture_rules.ts";
import { readTree } from "./support/rules/source_tree.ts";

const project = await readTree(new URL("..", import.meta.url));

/** Code that breaks each rule, and what the rule returns. */
const BROKEN: Record<keyof typeof rules, [files: Record<string, string>, breaches: string[]]> = {
  importsRunOneWay: [
    {
      "mod.ts": 'export { a } from "./fabric/a.ts";',
      "functions.ts": 'export { a } from "./mod.ts"; export { c } from "./runtime/c.ts";',
      "manager.ts": 'export { d } from "./manager/d.ts"; export { c } from "./runtime/c.ts";',
      "std/a.ts": 'import { a } from "../ffi/a.ts";',
      "ffi/a.ts": 'import "../std/a.ts"; import { b } from "../fabric/b.ts";',
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
      "manager.ts uses manager/d.ts",
      "std/a.ts uses ffi/a.ts",
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
      "examples/a/one.ts": 'import "../b/two.ts"; import "../../ffi/c.ts";',
      "examples/b/two.ts": 'import "../a/three.ts";',
      "examples/a/three.ts": "",
      "fabric/d.ts": 'import "../ffi/c.ts";', // importsRunOneWay checks imports between layers
    },
    [
      "ffi/a -> ffi/b -> ffi/c.ts -> ffi/a",
      "ffi/b/deep -> ffi/b/five.ts -> ffi/b/deep",
      "examples/a -> examples/b -> examples/a",
    ],
  ],
  filesStayShort: [
    { "ffi/a.ts": "\n".repeat(400), "ffi/b.ts": "\n".repeat(401) },
    ["ffi/b.ts has 401 lines, 400 at most"],
  ],
  foldersStaySmall: [
    Object.fromEntries(
      Array.from({ length: 26 }, (_, at): [string, string] => [`ffi/a${at}.ts`, ""])
        .concat(Array.from({ length: 25 }, (_, at) => [`ffi/b/a${at}.ts`, ""])),
    ),
    ["ffi has 26 files, 25 at most"],
  ],
  testsMirrorFolders: [
    {
      "ffi/a/b/one.ts": "",
      "tests/ffi/a/b/one_test.ts": "",
      "tests/faults/two_test.ts": "",
      "tests/three_test.ts": "",
      "tests/ffi/c/four_test.ts": "",
    },
    ["tests/ffi/c mirrors no folder"],
  ],
  testHelpersStayInSupport: [
    {
      "tests/support/a.ts": "",
      "tests/fabric/conformance/b.ts": "",
      "tests/ffi/c.ts": "",
      "tests/ffi/d_test.ts": "",
    },
    ["tests/ffi/c.ts is no test"],
  ],
  filesAreNamedByWhatTheyHold: [
    { "ffi/utils.ts": "", "types.ts": "", "ffi/shared_types.ts": "" },
    [
      "ffi/utils.ts has a name that could be any file's",
      "types.ts has a name that could be any file's",
    ],
  ],
  packagesAreInlineAndNamedOnce: [
    {
      "runtime/a.ts": 'import "npm:one@1.2.3"; import "node:fs";',
      "ffi/b.ts": 'import { x } from "npm:one@1.2.3/sub.js";',
      "manager/c.ts": 'import { y } from "@std/assert";',
      "cli/d.ts": 'import { z } from "commander";',
      "std/e.ts": 'import "npm:deno-std@1.4.0/a/b.js"; import "npm:deno-std@1.4.0/a/c.js";',
      "std/f.ts": 'import "npm:deno-std@1.4.0/a/c.js"; import "npm:deno-std@1.4.0/a/d.js";',
      "ffi/g.ts": 'import "../vendor/one.js";',
      "runtime/h.ts": 'import "../vendor/one.js"; import "../vendor/two.js";',
    },
    [
      "manager/c.ts imports @std/assert, which is no npm:name@x.y.z",
      "one is named in runtime/a.ts, ffi/b.ts",
      "deno-std/a/c.js is named in std/e.ts, std/f.ts",
      "vendor/one.js is named in ffi/g.ts, runtime/h.ts",
    ],
  ],
  versionsArePinned: [
    {
      "deno.json":
        '{"imports": {"a": "npm:a@1.2.3", "s": "./std/s.ts", "@b/b": "npm:@b/b@^1.2.3/mod.js"}}',
      "tests/a.ts": 'import "np' + 'm:c@1";',
    },
    ["deno.json maps @b/b to npm:@b/b@^1.2.3/mod.js", "tests/a.ts imports npm:c@1"],
  ],
  versionHasOneHome: [
    { "deno.json": '{"version": "7.8.9"}', "cli/a.ts": 'export const version = "7.8.9";' },
    ["cli/a.ts repeats the version"],
  ],
  appsNeedNoPackages: [
    {
      "mod.ts": 'import "./runtime/a.ts"; new Worker(new URL("./runtime/c.ts", import.meta.url));',
      "runtime/a.ts": 'import "npm:a@1.0.0"; import type { B } from "node:b"; import "./a/b.ts";',
      "runtime/a/b.ts": 'import "../../vendor/d.js"; await import("node:c");',
      "runtime/c.ts": 'import "node:d";',
    },
    [
      "runtime/a.ts imports node:b, and apps import it",
      "runtime/a.ts imports npm:a@1.0.0, and apps import it",
      "runtime/a/b.ts imports node:c, and apps import it",
    ],
  ],
  publishedModulesAreComplete: [
    {
      "deno.json": '{"exports": {".": "./mod.ts"}, "publish": {"include": ["ffi/"]}}',
      "mod.ts": "",
      "ffi/a.ts": 'import "./b.ts"; import "../std/c.ts";',
      "ffi/b.ts": "",
      "std/c.ts": "",
    },
    ["mod.ts is exported and not published", "ffi/a.ts uses std/c.ts, which is not published"],
  ],
  namedModulesExist: [
    {
      "ffi/a.ts": 'new URL("./b.ts", import.meta.url); new URL("./c.ts", import.meta.url);',
      "ffi/b.ts": 'import.meta.resolve("../fabric/d.ts"); new URL("./data/", import.meta.url);',
    },
    [
      "ffi/a.ts names ffi/c.ts, which does not exist",
      "ffi/b.ts names fabric/d.ts, which does not exist",
    ],
  ],
  nothingNamesThisMachine: [
    { "docs/a.md": "see /ho" + "me/ada/x", "docs/b.md": "~/home and https://deno.com/home/x" },
    ["docs/a.md names /ho" + "me/ada"],
  ],
};

for (const [name, rule] of Object.entries(rules)) {
  Deno.test(`\`${name}\` holds for this project`, () => {
    assertEquals(rule(project), []);
  });
  Deno.test(`\`${name}\` finds code that breaks it`, () => {
    const [files, breaches] = BROKEN[name as keyof typeof rules];
    assertEquals(rule(new Map(Object.entries(files))), breaches);
  });
}
