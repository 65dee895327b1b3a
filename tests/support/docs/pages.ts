/** The pages whose code is tested: those of the root and of docs/. */

import { type CodeBlock, codeBlocksOf } from "./code_blocks.ts";

export interface Page {
  /** Its file name without the ending. */
  readonly name: string;
  readonly path: string;
  readonly markdown: string;
  readonly blocks: readonly CodeBlock[];
}

const ROOT = new URL("../../../", import.meta.url);

export async function readPages(): Promise<Page[]> {
  const pages: Page[] = [];
  for (const folder of ["", "docs/"]) {
    for await (const { name: file } of Deno.readDir(new URL(`./${folder}`, ROOT))) {
      if (!file.endsWith(".md")) continue;
      const path = folder + file;
      const markdown = await Deno.readTextFile(new URL(path, ROOT));
      const name = file.slice(0, -".md".length);
      pages.push({ name, path, markdown, blocks: codeBlocksOf(path, markdown) });
    }
  }
  return pages.sort((a, b) => a.path < b.path ? -1 : 1);
}
