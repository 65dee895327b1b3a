/** The arguments of `deno task bench`. */

import { Command } from "commander";
import type { Suite } from "./suite.ts";

export interface RunOptions {
  readonly suites: readonly Suite[];
  readonly quick: boolean;
  readonly seconds: number | undefined;
  readonly json: string | undefined;
  readonly html: string | undefined;
}

/** Reads them; ends the process with 0 for `--help`, with 2 for what is not understood. */
export function readOptions(args: readonly string[], suites: readonly Suite[]): RunOptions {
  const width = Math.max(...suites.map(({ name }) => name.length));
  const list = suites.map(({ name, about, byDefault }) =>
    `  ${name.padEnd(width)}  ${about}${byDefault ? "" : " (only if named)"}`
  );
  const command = new Command("bench")
    .description(
      "Measures calls beside the floor and what else a host offers. Contenders take turns in one run;\n" +
        "compare figures of one run only.",
    )
    .option("--suite <name...>", "which suites, all by default but those marked below")
    .option("--quick", "fewer rounds: to see that it works")
    .option("--seconds <number>", "how long timer and soak run")
    .option("--json <file>", "also write the rows as JSON")
    .option("--html <file>", "also write one page with charts")
    .addHelpText(
      "after",
      [
        "",
        "Suites:",
        ...list,
        "",
        "Example:",
        "  $ deno task bench --suite hot throughput --html bench.html",
        "",
        "A full run takes some ten minutes; one suite after the other prints its table. Ctrl-C ends a run and",
        "keeps what was measured until then. docs/performance.md says how to read it.",
      ].join("\n"),
    )
    .exitOverride((error) => Deno.exit(error.exitCode === 0 ? 0 : 2))
    .parse([...args], { from: "user" });
  const { suite, quick = false, seconds, json, html } = command.opts<{
    suite?: string[];
    quick?: boolean;
    seconds?: string;
    json?: string;
    html?: string;
  }>();
  const known = suites.map(({ name }) => name);
  const unknown = suite?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    command.error(`Cannot run suite ${unknown}: there are ${known.join(", ")}`);
  }
  if (seconds !== undefined && !(Number(seconds) > 0)) {
    command.error(`Cannot run for ${seconds} seconds: it must be a number above 0`);
  }
  return {
    suites: suites.filter(({ name, byDefault }) => suite ? suite.includes(name) : byDefault),
    quick,
    seconds: seconds === undefined ? undefined : Number(seconds),
    json,
    html,
  };
}
