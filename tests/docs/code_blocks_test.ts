/** The code blocks of the pages: their fences, their types, the commands in them. */

import { assertEquals, assertThrows } from "@std/assert";
import { codeBlocksOf } from "../support/docs/code_blocks.ts";
import { readPages } from "../support/docs/pages.ts";
import { writePage } from "../support/docs/page_programs.ts";
import { commandProblems } from "../support/docs/command_lines.ts";

Deno.test("the TypeScript blocks of all pages pass the type checker", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-docs-" });
  try {
    const modules: string[] = [];
    for (const { path, blocks } of await readPages()) {
      const page = path.slice(0, -".md".length); // SECURITY and docs/security must not meet
      modules.push(...(await writePage(blocks, `${folder}/${page}`)).modules);
    }
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--config", config, ...modules],
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the commands in the pages exist, with their options and arguments", async () => {
  const problems = (await readPages()).flatMap(commandProblems);
  assertEquals(problems, []);
});

Deno.test("`commandProblems()` finds commands, options and files that do not exist", () => {
  const markdown = [
    "Run `rfaas nodes --jsom`, or `rfaas drain`.",
    "```sh",
    "rfaas up --cores 2 & # a comment with rfaas nothing",
    "RFAAS_TOKEN=x rfaas token make --name ada",
    "echo hello | rfaas invoke f --functions f.ts \\",
    "  --inptu -",
    "rfaas service install --dry-run resource-manager --listne http://10.0.0.1:7400",
    "rfaas slurm pilot --token-file a -- --partition=idle",
    "deno task dema",
    "deno run -A nothing.ts",
    "deno task bench --suite hot --quik",
    "```",
  ].join("\n");
  assertEquals(
    commandProblems({ path: "a.md", markdown, blocks: codeBlocksOf("a.md", markdown) }),
    [
      'a.md: "rfaas nodes --jsom": no option --jsom',
      'a.md: "RFAAS_TOKEN=x rfaas token make --name ada": no command token make',
      'a.md: "echo hello | rfaas invoke f --functions f.ts --inptu -": no option --inptu',
      'a.md: "rfaas service install --dry-run resource-manager --listne http://10.0.0.1:7400": ' +
      "no option --listne",
      'a.md: "deno task dema": no task dema',
      'a.md: "deno run -A nothing.ts": no file nothing.ts',
      'a.md: "deno task bench --suite hot --quik": no option --quik',
    ],
  );
});

Deno.test("`codeBlocksOf()` refuses an exemption without a reason, and a block without an end", () => {
  const exempted = codeBlocksOf("a.md", "```ts ignore needs two hosts\nx\n```");
  assertEquals(exempted[0]?.exempt, { from: "ignore", reason: "needs two hosts" });
  assertThrows(() => codeBlocksOf("a.md", "```ts ignore\nx\n```"), SyntaxError, "has no reason");
  assertThrows(() => codeBlocksOf("a.md", "```ts skip it\nx\n```"), SyntaxError, "skip");
  assertThrows(() => codeBlocksOf("a.md", "```ts\nx\n"), SyntaxError, "has no end");
});
