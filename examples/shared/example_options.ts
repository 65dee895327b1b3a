/** The command line that the examples have in common. */

import { parseArgs } from "@std/cli";
import {
  choiceOption,
  integerOption,
  printHelp,
  readArguments,
  refuseArguments,
  refuseUnknown,
  textOption,
} from "../../cli/program_arguments.ts";
import type { WayKind } from "./way.ts";

export interface ExampleOptions {
  /** The ways to compare with one local thread. */
  readonly kinds: readonly WayKind[];
  /** Workers beside the calling thread. */
  readonly workers: number;
  readonly fabric: "shm" | "verbs";
  /** Whether to print the figures as JSON, as the last line. */
  readonly json: boolean;
  /** The folder for the pictures. */
  readonly out: string;
  /** The size of the problem. */
  readonly size: number;
  /** One short turn of each way, for tests. Not in the help. */
  readonly quick: boolean;
  /** Those of {@linkcode ExampleText.flags} that are set. */
  readonly flags: readonly string[];
}

/** What one example has of its own. */
export interface ExampleText {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** The meaning of `--size`. */
  readonly size: string;
  readonly defaultSize: number;
  readonly sizeRange: readonly [min: number, max: number];
  /** The meaning of `--workers`. @default "Workers beside this thread" */
  readonly workers?: string;
  /** Options without a value that only this example has, by their names, with their meanings. @default {{}} */
  readonly flags?: Readonly<Record<string, string>>;
}

const KINDS: readonly WayKind[] = ["local", "lease", "http"];
const MAX_WORKERS = 64;

const help = ({
  name,
  summary,
  size,
  defaultSize,
  workers = "Workers beside this thread",
  flags = {},
}: ExampleText) => `
Usage: ${name} [options]

${summary}
Without --local, --lease and --http, all three are compared with one thread.

Options:
  --local             Compare with several threads of this process
  --lease             Compare with leased workers
  --http              Compare with processes behind Deno.serve
  --size <number>     ${size} (default: ${defaultSize})
  --workers <number>  ${workers} (default: 1)
${
  Object.entries(flags).map(([flag, meaning]) => `  ${`--${flag}`.padEnd(20)}${meaning}\n`).join("")
}  --fabric <kind>     shm: shared memory; verbs: an RDMA device (default: shm)
  --out <folder>      Folder for the pictures (default: out/${name})
  --json              Print the figures as one line of JSON, the last line
  -h, --help          Show help

Example:
  $ deno run --allow-all examples/${name}/${name}.ts --lease --workers 3
`;

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readExampleOptions(text: ExampleText, args: readonly string[]): ExampleOptions {
  const flags = Object.keys(text.flags ?? {});
  return readArguments(text.name, () => {
    const parsed = parseArgs(args, {
      boolean: ["help", "json", "quick", "local", "lease", "http", ...(flags as never[])],
      string: ["size", "workers", "fabric", "out"],
      alias: { help: "h" },
      unknown: refuseUnknown,
    });
    if (parsed.help) printHelp(help(text));
    refuseArguments(parsed._);
    const { size, workers, fabric, out, json, quick } = parsed;
    const chosen = KINDS.filter((kind) => parsed[kind]);
    return {
      kinds: chosen.length === 0 ? KINDS : chosen,
      size: integerOption("size", size ?? String(text.defaultSize), ...text.sizeRange),
      workers: integerOption("workers", workers ?? "1", 1, MAX_WORKERS),
      fabric: choiceOption("fabric", fabric ?? "shm", ["shm", "verbs"]),
      out: textOption("out", out) ?? `out/${text.name}`,
      json,
      quick,
      flags: flags.filter((flag) => (parsed as Record<string, unknown>)[flag]),
    };
  });
}
