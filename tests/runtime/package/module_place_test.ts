import { assertEquals, assertStringIncludes } from "@std/assert";
import { placeModule } from "../../../runtime/package/module_place.ts";

/** The exports of a placed module, loaded as executors load it: from memory, by a `blob:` URL. */
async function load(text: string): Promise<Record<string, unknown>> {
  const url = URL.createObjectURL(new Blob([placeModule(text).code], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

Deno.test("`placeModule()` sets the members that `import.meta` has in a file", async () => {
  const { meta, far, near, other } = await load(
    `export const meta = { ...import.meta, resolve: 0 }; export const other = import . meta.url;
     export const far = import.meta.resolve("npm:x"); export const near = import.meta.resolve("./a/b.mjs");`,
  );
  const url = "file:///package/functions.js";
  const dirname = "/package";
  const filename = "/package/functions.js";
  assertEquals(meta, { url, filename, dirname, main: false, resolve: 0 });
  assertEquals([far, near, other], ["npm:x", "file:///package/a/b.mjs", url]);
});

Deno.test("`placeModule()` lets CommonJS bundles create a `require` function", async () => {
  const { kind } = await load(
    `import { createRequire } from "node:module"; import { fileURLToPath } from "node:url";
     const require = createRequire(import.meta.url);
     export const kind = [typeof require("node:fs").readFileSync, fileURLToPath(import.meta.url), __dirname];`,
  );
  assertEquals(kind, ["function", "/package/functions.js", "/package"]);
});

Deno.test("`placeModule()` gives names of the host that reveal nothing, whatever way `node:os` is imported", async () => {
  const { names } = await load(
    `import os, { hostname } from "node:os"; import * as all from 'os'; import { createRequire } from "node:module";
     export { homedir } from "os";
     const required = createRequire(import.meta.url)("os");
     export const names = [hostname, os.hostname, all.hostname, required.hostname, all.homedir].map((name) => name());
     names.push(typeof all.cpus, typeof os.cpus);`,
  );
  assertEquals(names, ["worker", "worker", "worker", "worker", "/", "function", "function"]);
});

Deno.test("`placeModule()` names what an `import()` computes and the package does not contain", async () => {
  const { outcomes } = await load(
    `const x = ["x"]; const tried = [];
     for (const name of ["./" + x + '".js', "/a.js", "npm:" + x, "https://example.com/a.js"]) {
       tried.push(import(name).catch((error) => error.name + ": " + error.message));
     }
     tried.push(import(\`./\${x}.json\`, { with: { type: "json" } }).catch((error) => error.message));
     tried.push(import(["node", "path"].join(":")).then(({ sep }) => sep));
     tried.push(import("data:text/javascript,export const a = " + 5).then(({ a }) => a));
     tried.push((async () => (await import(await import.meta.url)).a)().catch((error) => error.name));
     export const outcomes = await Promise.all(tried);`,
  );
  const missing = (name: string) =>
    `Cannot import ${name}: the package does not contain it; write its name as a text in import(), where the bundler finds it`;
  assertEquals(outcomes, [
    ...['./x".js', "/a.js", "npm:x", "https://example.com/a.js"].map((name) =>
      `TypeError: ${missing(name)}`
    ),
    missing("./x.json"),
    "/",
    5,
    "TypeError",
  ]);
});

Deno.test("`placeModule()` does not change strings, comments, regular expressions and templates", async () => {
  const { all } = await load(
    "/* import.meta */ export const all = ['import.meta', `import.meta ${typeof import.meta.url}`, " +
      "/import.meta/.source]; // import.meta",
  );
  assertEquals(all, ["import.meta", "import.meta string", "import.meta"]);
});

Deno.test("`placeModule()` keeps line numbers, and names that the module declares itself", async () => {
  const { where, mine } = await load(
    `const __dirname = "mine"; export const mine = __dirname + typeof import.meta.url;
     export const where = new Error("x").stack;`,
  );
  assertStringIncludes(where as string, ":2:");
  assertEquals(mine, "minestring");
});

Deno.test("`placeModule()` returns a module that does not parse unchanged", () => {
  for (
    const text of ["export const b = import.meta.url; }{", "import("]
  ) {
    assertEquals(placeModule(text), { code: text, shift: 0 });
  }
});
