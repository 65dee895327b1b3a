/** Programs made of the TypeScript blocks of a page: each page is a folder, each block a module. */

import type { CodeBlock } from "./code_blocks.ts";
import * as standInFunctions from "./stand_in_functions.ts";
import * as standInValues from "./stand_in_values.ts";

/** A module that is run, and what it has to print. */
export interface PageProgram {
  readonly path: string;
  readonly block: CodeBlock;
  readonly output: string | undefined;
}

export interface PageFolder {
  readonly folder: string;
  /** All modules, for the type checker. */
  readonly modules: readonly string[];
  /** Those that run, in the order of the page. */
  readonly programs: readonly PageProgram[];
}

const ROOT = new URL("../../../", import.meta.url);
const HERE = new URL("./", import.meta.url);
/** Where a page's text has this repository. */
const STAND_IN_ROOT = "/path/to/rfaas/";
const FUNCTIONS_FILE = "functions.ts";

/** Writes the modules of a page into `folder`. Those of one file name become one file. */
export async function writePage(blocks: readonly CodeBlock[], folder: string): Promise<PageFolder> {
  await Deno.mkdir(folder, { recursive: true });
  const texts = new Map<string, string>([[FUNCTIONS_FILE, ""]]);
  const programs: PageProgram[] = [];
  for (const [at, block] of blocks.entries()) {
    if (block.language !== "ts" || block.exempt?.from === "ignore") continue;
    const name = block.file ?? `line_${block.line}.ts`;
    texts.set(name, `${texts.get(name) ?? ""}${block.text}\n`);
    if (name === FUNCTIONS_FILE || block.exempt) continue;
    const rest = blocks.slice(at + 1);
    const next = rest.find(({ language, output }) => language === "ts" || output);
    const output = next?.output ? next.text : undefined;
    programs.push({ path: `${folder}/${name}`, block, output });
  }
  const modules: string[] = [];
  for (const [name, text] of texts) {
    const source = name === FUNCTIONS_FILE
      ? withImports(text, `${HERE}stand_in_functions.ts`, Object.keys(standInFunctions)) +
        `export * from "${HERE}stand_in_functions.ts";\n`
      : withImports(text, "./prelude.ts", ["client", "lease", ...Object.keys(standInValues)]);
    modules.push(`${folder}/${name}`);
    await Deno.writeTextFile(
      `${folder}/${name}`,
      `${source.replaceAll(STAND_IN_ROOT, ROOT.href)}\nexport {};\n`,
    );
  }
  await Deno.writeTextFile(`${folder}/prelude.ts`, PRELUDE);
  return { folder, modules, programs };
}

/** What a block uses without showing where it came from. */
const PRELUDE = `import { connect } from "${ROOT}mod.ts";
export * from "${HERE}stand_in_values.ts";
export const client = await connect();
export const lease = await client.lease<typeof import("./${FUNCTIONS_FILE}")>({
  functions: "${FUNCTIONS_FILE}",
  workers: 2,
  depth: 16,
});
`;

function withImports(text: string, from: string, names: readonly string[]): string {
  const used = names.filter((name) =>
    new RegExp(`(?<![.\\w])${name}\\b`).test(text) && !declares(text, name)
  );
  return used.length === 0 ? text : `import { ${used.join(", ")} } from "${from}";\n${text}`;
}

function declares(text: string, name: string): boolean {
  const head = "^(?:export )?(?:await )?(?:async )?(?:const|let|using|function\\*?|class) ";
  return new RegExp(`${head}(?:${name}\\b|[\\[{][^=]*\\b${name}\\b[^=]*=)`, "m").test(text) ||
    new RegExp(`^import [^;]*\\b${name}\\b[^;]*;`, "m").test(text);
}
