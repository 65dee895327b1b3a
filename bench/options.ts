/** The command line of `deno task bench`. */

import { parseArgs } from "@std/cli";
import {
  printHelp,
  readArguments,
  refuseArguments,
  refuseUnknown,
  textOption,
  UsageError,
} from "../cli/program_arguments.ts";
import type { Suite } from "./suites/suite.ts";

export interface RunOptions {
  readonly suites: readonly Suite[];
  readonly quick: boolean;
  readonly seconds: number | undefined;
  /** The etcd for the suite control. */
  readonly store: string | undefined;
  readonly json: string | undefined;
  readonly html: string | undefined;
  /** The folder for an SVG file of each chart. */
  readonly pictures: string | undefined;
  /** The JSON file of an earlier run. */
  readonly compare: string | undefined;
}

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readOptions(args: readonly string[], suites: readonly Suite[]): RunOptions {
  return readArguments("bench", () => {
    const { help, quick, suite, seconds, store, json, html, pictures, compare, _ } = parseArgs(
      args,
      {
        boolean: ["help", "quick"],
        string: ["suite", "seconds", "store", "json", "html", "pictures", "compare"],
        collect: ["suite"],
        alias: { help: "h" },
        unknown: refuseUnknown,
      },
    );
    if (help) printHelp(helpText(suites));
    // `--suite` takes several names: `parseArgs()` leaves those after the first one in `_`.
    if (suite.length === 0) refuseArguments(_);
    return {
      suites: suitesOf([...suite, ..._.map(String)], suites),
      quick,
      seconds: secondsOf(textOption("seconds", seconds)),
      store: storeOf(textOption("store", store)),
      json: textOption("json", json),
      html: textOption("html", html),
      pictures: textOption("pictures", pictures),
      compare: textOption("compare", compare),
    };
  });
}

function suitesOf(names: readonly string[], suites: readonly Suite[]): Suite[] {
  const known = suites.map(({ name }) => name);
  for (const name of names) {
    if (!known.includes(textOption("suite", name))) {
      throw new UsageError(`unknown suite '${name}': known suites are ${known.join(", ")}`);
    }
  }
  return suites.filter(({ name, byDefault }) =>
    names.length > 0 ? names.includes(name) : byDefault
  );
}

function storeOf(text: string | undefined): string | undefined {
  if (text === undefined || /^etcd:\/\/[^/]/.test(text)) return text;
  throw new UsageError(`option '--store' expects etcd://HOST:PORT,…, not '${text}'`);
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (!(seconds > 0)) {
    throw new UsageError(`option '--seconds' expects a number above 0, not '${text}'`);
  }
  return seconds;
}

function helpText(suites: readonly Suite[]): string {
  const width = Math.max(...suites.map(({ name }) => name.length));
  const list = suites.map(({ name, about, byDefault }) =>
    `  ${name.padEnd(width)}  ${about}${byDefault ? "" : " (only by name)"}`
  );
  return `
Usage: bench [options]

Benchmark calls, beside the floor of this host and other transports. The contenders take turns
within one run, so compare only figures of the same run.

Options:
  --suite <name...>   Suites to run (default: all but those marked below)
  --quick             Run fewer rounds, to check that everything works
  --seconds <number>  Duration of the suites timer and soak
  --store <address>   etcd to measure beside SQLite in the suite control: etcd://HOST:PORT,…
  --json <file>       Write the rows as JSON too
  --html <file>       Write a page with charts too
  --pictures <folder> Write each chart as an SVG file too
  --compare <file>    Show what is slower than in an earlier run, which wrote this JSON
  -h, --help          Show help

Suites:
${list.join("\n")}

Example:
  $ deno task bench --suite hot throughput --html bench.html

A full run takes about ten minutes. The table of a suite is printed when the suite ends. Ctrl-C ends
the run and keeps the results so far. docs/performance.md explains the figures.
`;
}
