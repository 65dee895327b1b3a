/** What the pages refer to is there. */

import { assert, assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import project from "../../deno.json" with { type: "json" };
import { modulesOf, readTree } from "../support/rules/source_tree.ts";
import { readPages } from "../support/docs/pages.ts";

const ROOT = new URL("../../", import.meta.url);
const pages = await readPages();
const tree = await readTree(ROOT);
const LINK = /\]\(([^)\s#]*)(#[^)\s]*)?\)/g;

Deno.test("each link of the pages leads to a file and to a heading that exist", async () => {
  const missing: string[] = [];
  const all = [...tree].filter(([path]) => path.endsWith(".md"));
  for (const { path } of pages) assert(tree.has(path), path);
  for (const [path, markdown] of all) {
    for (const [link, target = "", anchor] of prose(markdown).matchAll(LINK)) {
      if (/^https?:/.test(target)) continue;
      const to = target === "" ? new URL(path, ROOT) : new URL(target, new URL(path, ROOT));
      if (!existsSync(to)) missing.push(`${path}: ${link}`);
      else if (anchor && !anchorsOf(await Deno.readTextFile(to)).includes(anchor)) {
        missing.push(`${path}: ${link}`);
      }
    }
  }
  assertEquals(missing, []);
});

Deno.test("each path of a module that the pages name is there", () => {
  const missing = pages.filter(({ name }) => name !== "CHANGELOG").flatMap(({ path, markdown }) =>
    [...prose(markdown).matchAll(/`((?:[\w-]+\/)+[\w-]+\.(?:ts|js|md|json|c))`/g)]
      .map(([, named]) => named!)
      .filter((named) => !ROOTS.some((root) => existsSync(new URL(root + named, ROOT))))
      .map((named) => `${path}: ${named}`)
  );
  assertEquals(missing, []);
});

Deno.test("each page of docs/ that a file outside of it names is there", () => {
  const missing = [...tree].filter(([path]) => !path.startsWith("docs/") && !path.endsWith(".md"))
    .flatMap(([path, text]) =>
      [...text.matchAll(/\bdocs\/[\w/-]+\.(?:md|json|svg|png)\b/g)]
        .filter(([named]) => !NOT_A_PAGE.has(named) && !existsSync(new URL(named, ROOT)))
        .map(([named]) => `${path}: ${named}`)
    );
  assertEquals(missing, []);
});

Deno.test("the index of docs/operations/ leads to each page of the folder", () => {
  const folder = "docs/operations/";
  const index = pages.find(({ path }) => path === `${folder}README.md`)!;
  const linked = new Set([...index.markdown.matchAll(LINK)].map(([, target]) => target));
  const others = pages.filter((page) => page.path.startsWith(folder) && page !== index);
  assertEquals(
    others.map(({ path }) => path.slice(folder.length)).filter((p) => !linked.has(p)),
    [],
  );
});

Deno.test("each class and constant that the pages on the code name exists", () => {
  const words = new Set(modulesOf(tree).flatMap((path) => tree.get(path)!.match(/\w+/g) ?? []));
  const missing = pages.filter(({ name }) => ON_CODE.includes(name)).flatMap((page) =>
    [...prose(page.markdown).matchAll(/`([A-Z]\w+(?:\.#?\w+)?|[a-z]+[A-Z]\w+)(?:\(\))?`/g)]
      .filter(([, name = ""]) => !name.split(/\.#?/).every((word) => words.has(word)))
      .map(([name]) => `${page.path}: ${name}`)
  );
  assertEquals(missing, []);
});

Deno.test("the changelog begins with the version of the package", () => {
  const { markdown } = pages.find(({ name }) => name === "CHANGELOG")!;
  const [, version] = /^## ([\d.]+)/m.exec(markdown)!;
  assertEquals(version, project.version);
});

Deno.test("README.md is short enough for five minutes", () => {
  const { markdown } = pages.find(({ name }) => name === "README")!;
  assert(markdown.split("\n").length <= 200);
});

const ON_CODE = ["architecture", "design-notes", "glossary", "protocol", "performance"];

/** Paths of the examples in the tests of rules. */
const NOT_A_PAGE = new Set(["docs/a.md", "docs/b.md"]);

/** Folders that a path in the text may begin below. */
const ROOTS = ["./"];

/** The text without its code blocks. */
function prose(markdown: string): string {
  return markdown.replaceAll(/^ *```[^]*?^ *```$/gm, "");
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(markdown: string): string[] {
  return [...prose(markdown).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    `#${heading.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-")}`
  );
}
