/** The fenced code blocks of a Markdown page. */

/** One block. The text after the language in its fence is for the tests: Markdown readers leave it out. */
export interface CodeBlock {
  readonly page: string;
  /** The line of its opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** The file that it is a part of, such as `functions.ts`. */
  readonly file?: string;
  /** What the tests leave out: `ignore` everything, `check` running it, with the reason that follows. */
  readonly exempt?: { readonly from: "ignore" | "check"; readonly reason: string };
  /** The block is a part of what the last TypeScript block before it prints. */
  readonly output: boolean;
  readonly text: string;
}

const FENCE = /^( *)```(\S*) *(.*)$/;

/** @throws {SyntaxError} for a fence that the tests do not understand, or that is not closed. */
export function codeBlocksOf(page: string, markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open:
    | { line: number; indent: number; language: string; rest: string; text: string[] }
    | undefined;
  for (const [at, line] of markdown.split("\n").entries()) {
    const fence = FENCE.exec(line);
    if (!open && fence) {
      const [, indent = "", language = "", rest = ""] = fence;
      open = { line: at + 1, indent: indent.length, language, rest, text: [] };
    } else if (open && /^ *```$/.test(line)) {
      const { line, language, rest, text } = open;
      blocks.push({ page, line, language, ...fenceOf(page, line, rest), text: text.join("\n") });
      open = undefined;
    } else open?.text.push(line.slice(open.indent));
  }
  if (open) throw new SyntaxError(`Cannot read ${page}:${open.line}: the block has no end`);
  return blocks;
}

function fenceOf(
  page: string,
  line: number,
  rest: string,
): Pick<CodeBlock, "file" | "exempt" | "output"> {
  const [word = "", ...reason] = rest.split(" ").filter((part) => part !== "");
  if (word === "") return { output: false };
  if (word === "output") return { output: true };
  if (/^\w+\.ts$/.test(word)) return { file: word, output: false };
  if (word !== "ignore" && word !== "check") {
    throw new SyntaxError(
      `Cannot read ${page}:${line}: "${word}" is none of a file name, output, ignore and check`,
    );
  }
  if (reason.length === 0) {
    throw new SyntaxError(`Cannot read ${page}:${line}: "${word}" has no reason after it`);
  }
  return { exempt: { from: word, reason: reason.join(" ") }, output: false };
}
