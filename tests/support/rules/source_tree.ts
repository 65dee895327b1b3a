/** The project's files and the references between them, read from their text. */

/** Text of each file, by its path from the root. */
export type SourceTree = ReadonlyMap<string, string>;

/** A reference from one module to another, or to a package. */
export interface Reference {
  readonly from: string;
  /** A path from the root, or the specifier itself: `npm:…`, `node:…`, a bare name. */
  readonly to: string;
  /** `url`: by `new URL(…, import.meta.url)`, as a worker, a bundle or a program. */
  readonly by: "import" | "url";
}

const IMPORTS = [
  /\b(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']/g,
  /(?<!["'`])\bimport\s*["']([^"']+)["']/g,
  /\bimport\(\s*["']([^"']+)["']/g,
];
const URLS = /\bnew URL\(\s*["']([^"']+)["'],\s*import\.meta\.url/g;
const RESOLVED = /\bimport\.meta\.resolve\(\s*["'](\.[^"']+)["']/g;

/** Reads the files that git tracks or would add, below `root`. */
export async function readTree(root: URL): Promise<SourceTree> {
  const { stdout } = await new Deno.Command("git", {
    args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd: root,
  }).output();
  const paths = new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "");
  const tree = new Map<string, string>();
  for (const path of paths) {
    if (/\.(jpe?g|png)$/.test(path)) continue;
    const text = await Deno.readTextFile(new URL(path, root)).catch(() => undefined);
    if (text !== undefined) tree.set(path, text);
  }
  return tree;
}

/** The modules of a tree. */
export function modulesOf(tree: SourceTree): string[] {
  return [...tree.keys()].filter((path) => path.endsWith(".ts"));
}

/** All references of one module, except those in comments. */
export function referencesOf(tree: SourceTree, from: string): Reference[] {
  const code = withoutComments(tree.get(from)!);
  const found: Reference[] = [];
  for (const pattern of IMPORTS) {
    for (const [, name] of code.matchAll(pattern)) {
      found.push({ from, to: resolve(tree, from, name!), by: "import" });
    }
  }
  for (const [, name] of [...code.matchAll(URLS), ...code.matchAll(RESOLVED)]) {
    found.push({ from, to: resolve(tree, from, name!.replace(/^(?!\.)/, "./")), by: "url" });
  }
  return found;
}

/** @returns the text without the lines that begin as a comment. */
export function withoutComments(text: string): string {
  return text.split("\n").filter((line) => !/^\s*(\/\/|\/\*|\*)/.test(line)).join("\n");
}

function resolve(tree: SourceTree, from: string, name: string): string {
  if (!name.startsWith(".")) return name;
  const path = new URL(name, `file:///${from}`).pathname.slice(1);
  // The executor's bundled worker has the name of its source module.
  const source = path.replace(/\.js$/, ".ts");
  return tree.has(path) ? path : tree.has(source) ? source : path;
}
