/** The command lines in a page, held against the commands that there are. */

import { existsSync } from "node:fs";
import type { Command } from "commander";
import { createProgram } from "../../../cli/program.ts";
import project from "../../../deno.json" with { type: "json" };
import type { Page } from "./pages.ts";

const ROOT = new URL("../../../", import.meta.url);
const TASKS: Readonly<Record<string, { readonly command: string }>> = project.tasks;

/** One line a command, option or file that does not exist. */
export function commandProblems(
  { path, markdown, blocks }: Pick<Page, "path" | "markdown" | "blocks">,
): string[] {
  const files = blocks.flatMap(({ file }) => file ?? []);
  const inBlocks = blocks.filter(({ language, exempt }) => language === "sh" && !exempt)
    .flatMap(({ text }) => text.replaceAll(/\\\n\s*/g, "").split("\n"));
  // A code span may be wrapped. One that is a command and nothing else is a name.
  const prose = markdown.replaceAll(/^ *```[^]*?^ *```$/gm, "");
  const inProse = [...prose.matchAll(/`((?:rfaas|deno (?:run|task)) [^`]+)`/g)]
    .map(([, span]) => span!.replaceAll(/\s+/g, " "));
  return [
    ...inProse.map((line) => [line, problemOf(line, files, true)]),
    ...inBlocks.map((line) => [line.replace(/\s+#.*/, ""), problemOf(line, files, false)]),
  ].flatMap(([line, problem]) => problem ? [`${path}: "${line}": ${problem}`] : []);
}

function problemOf(line: string, files: readonly string[], span: boolean): string | undefined {
  for (const simple of line.replace(/(^|\s)#.*/, "").split(/\s*(?:\|\||&&|[|;&])\s*/)) {
    const words = wordsOf(simple);
    while (/^[A-Z_]+=/.test(words[0] ?? "")) words.shift();
    if (words[0] === "npx") words.splice(0, words.findIndex((word) => word.startsWith("deno@")));
    const [program = "", first = "", ...rest] = words;
    const problem = program === "rfaas"
      ? rfaasProblem([first, ...rest], span)
      : /^deno(@[\d.]+)?$/.test(program)
      ? denoProblem(first, rest, files)
      : undefined;
    if (problem) return problem;
  }
  return undefined;
}

/** The words of a simple command: quotes group, redirections are left out. */
function wordsOf(command: string): string[] {
  const words = command.match(/(?:[^\s"'$]|\$\([^)]*\)|\$|"[^"]*"|'[^']*')+/g) ?? [];
  const end = words.findIndex((word) => /^\d?[<>]/.test(word));
  return end === -1 ? words : words.slice(0, end);
}

/** @param span in prose, where arguments may be left out. */
function rfaasProblem(words: readonly string[], span: boolean): string | undefined {
  let command: Command = createProgram();
  const path: string[] = [];
  let at = 0;
  for (; command.commands.length > 0; at++) {
    const word = words[at];
    if (word === undefined || word.startsWith("-")) break;
    path.push(word);
    const next = command.commands.find((one) =>
      one.name() === word || one.aliases().includes(word)
    );
    if (!next) return /^[A-Z…]/.test(word) ? undefined : `no command ${path.join(" ")}`;
    command = next;
  }
  if (at === words.length && command.commands.length > 0 && !span) {
    return `command ${path.join(" ")} needs another one after it`;
  }
  const rest = words.slice(at);
  const program = PASSED_THROUGH[command.name()];
  if (program) return optionProblem(program, rest);
  let args = 0;
  for (let i = 0; i < rest.length; i++) {
    if (rest[i] === "--") break; // what follows is for another program
    const [word = "", value] = rest[i]!.split("=", 2);
    if (!/^-./.test(word)) {
      if (BEFORE_MANAGERS.includes(path.join(" "))) return rfaasProblem(rest.slice(i), span);
      args++;
      continue;
    }
    if (["--help", "-h", "--version", "-V"].includes(word)) return undefined;
    const option = command.options.find(({ long, short }) => long === word || short === word);
    if (!option) return `no option ${word}`;
    if (option.required && value === undefined && rest[++i] === undefined && !span) {
      return `option ${word} needs a value`;
    }
  }
  const { registeredArguments: known } = command;
  const least = known.filter(({ required }) => required).length;
  if (args > known.length) return `${args} arguments, ${known.length} at most`;
  return args < least && !span ? `${args} arguments, ${least} at least` : undefined;
}

/** Commands that take the command line of a manager. */
const BEFORE_MANAGERS: readonly string[] = ["config show", "service install"];

/** Commands whose arguments a program of its own reads. */
const PASSED_THROUGH: Readonly<Record<string, string>> = {
  bench: "bench/run.ts",
  demo: "examples/demo/demo.ts",
};

function denoProblem(
  subcommand: string,
  words: readonly string[],
  files: readonly string[],
): string | undefined {
  if (subcommand === "task") {
    const [name = "", ...rest] = words;
    const task = TASKS[name];
    if (!task) return `no task ${name}`;
    return optionProblem(/\S+\.ts/.exec(task.command)![0], rest);
  }
  if (subcommand !== "run") return;
  const at = words.findIndex((word) => !word.startsWith("-"));
  const file = words[at];
  if (file === undefined || files.includes(file)) return;
  const path = file.replace(/^\/path\/to\/rfaas\//, "");
  if (!existsSync(new URL(path, ROOT))) return `no file ${file}`;
  const rest = words.slice(at + 1);
  return path === "cli.ts" ? rfaasProblem(rest, true) : optionProblem(path, rest);
}

/** Holds options against the text of the module that reads them: the program, or the options.ts beside it. */
function optionProblem(program: string, words: readonly string[]): string | undefined {
  const end = words.indexOf("--");
  const texts = [program, program.replace(/[^/]+$/, "options.ts")]
    .filter((path) => existsSync(new URL(path, ROOT)))
    .map((path) => Deno.readTextFileSync(new URL(path, ROOT)));
  const missing = (end === -1 ? words : words.slice(0, end))
    .filter((word) => word.startsWith("--") && word !== "--help").find((word) => {
      const name = word.slice(2).replace(/=.*/, "");
      return !texts.some((text) => new RegExp(`(["'\`]|--)${name}\\b`).test(text));
    });
  return missing && `no option ${missing}`;
}
