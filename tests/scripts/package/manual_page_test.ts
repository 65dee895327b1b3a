import { assertEquals, assertStringIncludes } from "@std/assert";
import { createProgram } from "../../../cli/program.ts";
import { manualPage } from "../../../scripts/package/manual_page.ts";

const program = createProgram();
const page = manualPage(program, "1.2.3", "1700000000");

Deno.test("`manualPage()` has each command with its options", () => {
  assertStringIncludes(page, '.TH RFAAS 1 2023-11-14 "rfaas 1.2.3"');
  for (const command of program.commands.flatMap((each) => [each, ...each.commands])) {
    const parent = command.parent === program ? "" : `${command.parent!.name()} `;
    const name = `rfaas ${parent}${command.name()}`.replaceAll("-", "\\-");
    const [, rest] = page.split(new RegExp(`\n\\.SS ${RegExp.escape(name)}\\b`));
    for (const { long, hidden } of command.options) {
      if (long === "--log-level") continue;
      const text = rest!.split("\n.S")[0]!.includes(long!.replaceAll("-", "\\-"));
      assertEquals(text, !hidden, `${name} ${long}`);
    }
  }
});

Deno.test("`manualPage()` uses a few macros, and no text begins like one", () => {
  const macros = page.split("\n").filter((line) => /^[.']/.test(line)).map((line) =>
    line.split(" ")[0]!
  );
  assertEquals([...new Set(macros)].sort(), [".B", ".I", ".SH", ".SS", ".TH", ".TP"]);
});
