import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { dirname } from "node:path";
import { importModule } from "../../../runtime/executor/package/module_exports.ts";
import { readPackage } from "../../../runtime/package/read_package.ts";
import { splitSourceMap, stackTranslator } from "../../../runtime/package/source_map.ts";

const BUNDLE = `blob:null/${crypto.randomUUID()}`;

/** The frames of the error that an exported function throws, as clients receive them. */
async function framesOf(files: Record<string, string>, entry: string): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.mkdir(dirname(`${folder}/${name}`), { recursive: true });
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const { source, translate } = await readPackage(`${folder}/${entry}`);
    const { all } = await importModule(source);
    try {
      const f = all["f"] as () => void;
      f();
    } catch (error) {
      const stack = translate((error as Error).stack!);
      assertEquals(stack.includes(folder), false, `the stack has a path of this host: ${stack}`);
      return stack.split("\n").filter((line) => /^ +at .*(\.\/|npm:)/.test(line));
    }
    throw new Error("f threw nothing");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("stacks name the author's files, relative to the package", async () => {
  const frames = await framesOf({
    "app/functions.ts": `
      import { deep } from "./lib/deep.ts";
      import { up } from "../up.ts";
      type T = number;
      export function f(): T { return deep(() => up(), import.meta.url) }`,
    "app/lib/deep.ts":
      `interface A { a: 1 }\nexport const deep = (g: () => number, _: string) =>\n  g();`,
    "up.ts": `export const up = (): number => { throw new RangeError("up") };`,
  }, "app/functions.ts");
  assertEquals(frames, [
    "    at up (../up.ts:1:41)",
    "    at ./functions.ts:5:50",
    "    at deep (./lib/deep.ts:3:3)",
    "    at f (./functions.ts:5:39)",
  ]);
});

Deno.test("stacks name the file of an npm package by its version, not by its place on this host", async () => {
  const frames = await framesOf({
    "deno.json": "{}",
    "f.ts": `import semver from "npm:semver@7.7.2";
      export const f = () => new semver.SemVer("no version");`,
  }, "f.ts");
  assertStringIncludes(frames[0]!, "(npm:semver@7.7.2/classes/semver.js:");
  assertStringIncludes(frames.at(-1)!, "(./f.ts:2:");
});

Deno.test("stacks of a bundle without a source map have its lines, without what was inserted", async () => {
  const text = `export const f = () => { throw new Error("x") };`;
  const { source, translate } = await readPackage(new TextEncoder().encode(text));
  const { all } = await importModule(source);
  const f = all["f"] as () => void;
  try {
    f();
  } catch (error) {
    const [, frame] = translate((error as Error).stack!).split("\n");
    assertEquals(frame, "    at f (file:///package/functions.js:1:32)");
  }
});

Deno.test("`splitSourceMap()` splits off the map that ends a bundle, and no other text", () => {
  const map = `//# sourceMappingURL=data:application/json;base64,`;
  assertEquals(splitSourceMap(`a;\n${map}e30=\n`), { code: "a;\n", map: "e30=" });
  for (const bundle of ["", "a;", `a;\n${map}e30=\nb;`, `a;\n${map}`, `const a = "${map}e30=";`]) {
    assertEquals(splitSourceMap(bundle), { code: bundle });
  }
});

Deno.test("`stackTranslator()` changes no stack for a malformed map or an impossible place", () => {
  const encode = (map: unknown) => btoa(JSON.stringify(map));
  const stack =
    `Error: x\n    at f (${BUNDLE}:1:9)\n    at ${BUNDLE}:0:0\n    at ${BUNDLE}:999999999:1`;
  const plain = stackTranslator(undefined, 0)(stack);
  for (const map of ["", "e", "AAAA", encode([]), encode({ sources: [], mappings: "AAAA" })]) {
    assertEquals(stackTranslator(map, 0)(stack), plain);
  }
  fc.assert(fc.property(fc.string(), fc.array(fc.string()), (mappings, sources) => {
    stackTranslator(encode({ mappings, sources: sources.map(encodeURI) }), 0)(stack);
  }));
});
