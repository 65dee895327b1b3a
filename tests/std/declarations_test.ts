/** The declarations in std/, compared with their modules: names, and numbers of parameters. */

import { assert, assertEquals } from "@std/assert";

/** The part of a declaration in `deno doc --json` that is used here. */
interface Declaration {
  kind: string;
  declarationKind: string;
  def?: {
    params?: unknown[];
    constructors?: { params: unknown[] }[];
  };
}

const STD = new URL("../../std/", import.meta.url);

async function filesBelow(folder: URL): Promise<URL[]> {
  const found: URL[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await filesBelow(new URL(`${name}/`, folder)));
    else found.push(new URL(name, folder));
  }
  return found;
}

/** The declarations that a file exports, by name. Types are left out: a module has none at run time. */
async function valuesOf(file: URL): Promise<Map<string, Declaration[]>> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", file.pathname],
    stderr: "inherit",
  }).output();
  assert(success);
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    nodes: Record<string, { symbols: { name: string; declarations: Declaration[] }[] }>;
  };
  return new Map(
    Object.values(nodes).flatMap(({ symbols }) => symbols).map(({ name, declarations }) =>
      [
        name,
        declarations.filter(({ kind, declarationKind }) =>
          declarationKind === "export" && kind !== "interface" && kind !== "typeAlias"
        ),
      ] as const
    ).filter(([, declarations]) => declarations.length > 0),
  );
}

/** The number of parameters of the longest overload. */
function declaredParameters(declarations: readonly Declaration[]): number {
  const overloads = declarations.flatMap(({ def }) =>
    def?.constructors?.map(({ params }) => params.length) ?? [def?.params?.length ?? 0]
  );
  return Math.max(...overloads);
}

/** The number of parameters in the source of a function or of a class with a constructor. */
function writtenParameters(value: unknown): number {
  const source = String(value).replace(/^class[^]*?\bconstructor/, "").replace(/,\s*\)/g, ")");
  let depth = 0;
  let commas = 0;
  for (const [at, char] of [...source.slice(source.indexOf("("))].entries()) {
    if ("({[".includes(char)) depth++;
    else if (")}]".includes(char)) depth--;
    else if (char === "," && depth === 1) commas++;
    if (depth === 0) return at === 1 ? 0 : commas + 1;
  }
  throw new Error(`Cannot count the parameters of ${source}: unbalanced`);
}

const files = await filesBelow(STD);
const modules = files.filter(({ pathname }) => !pathname.endsWith(".d.ts"));

Deno.test("each module in std/ has a declaration file, and no other file is there", () => {
  const expected = modules.flatMap(({ href }) => [href, href.replace(/\.ts$/, ".d.ts")]);
  assertEquals(files.map(({ href }) => href).sort(), expected.sort());
});

for (const file of modules) {
  const name = file.href.slice(STD.href.length);
  Deno.test(`std/${name} exports what its declaration file declares`, async () => {
    const module: Record<string, unknown> = await import(file.href);
    const declared = await valuesOf(new URL(file.href.replace(/\.ts$/, ".d.ts")));
    assertEquals(Object.keys(module).sort(), [...declared.keys()].sort());
    for (const [symbol, declarations] of declared) {
      assertEquals(writtenParameters(module[symbol]), declaredParameters(declarations), symbol);
      const kind = String(module[symbol]).startsWith("class") ? "class" : "function";
      assertEquals(new Set(declarations.map((each) => each.kind)), new Set([kind]), symbol);
    }
  });
}
