/** The pages whose code is tested: those of the root, of docs/ and of its folders. */

import { type CodeBlock, codeBlocksOf } from "./code_blocks.ts";

export interface Page {
  /** Its path without the ending; of those in docs/, from there: `operations/slurm`. */
  readonly name: string;
  readonly path: string;
  readonly markdown: string;
  readonly blocks: readonly CodeBlock[];
}

const ROOT = new URL("../../../", import.meta.url);

export async function readPages(): Promise<Page[]> {
  const paths = [...await pagesIn("", false), ...await pagesIn("docs/", true)];
  return await Promise.all(
    paths.sort().map(async (path) => {
      const markdown = await Deno.readTextFile(new URL(path, ROOT));
      const name = path.replace(/^docs\//, "").slice(0, -".md".length);
      return { name, path, markdown, blocks: codeBlocksOf(path, markdown) };
    }),
  );
}

/** @param folder the root, as an empty text, or a path with a slash at its end. */
async function pagesIn(folder: string, below: boolean): Promise<string[]> {
  const pages: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(`./${folder}`, ROOT))) {
    if (name.endsWith(".md")) pages.push(folder + name);
    if (isDirectory && below) pages.push(...await pagesIn(`${folder}${name}/`, true));
  }
  return pages;
}
