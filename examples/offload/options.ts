/** The command line of the example. */

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

const HELP = `
Usage: offload [options]

Run a parallel program whose ranks hand a share of each iteration to leased workers.

Options:
  --size <number>     Patches along an edge of the furnace: 6 x size x size unknowns (default: 18)
  --ranks <number>    Processes of the program (default: 1)
  --workers <number>  Leased workers of each rank (default: 1)
  --fabric <kind>     shm: shared memory; verbs: an RDMA device (default: shm)
  --out <folder>      Folder for the picture (default: out/offload)
  --json              Print the figures as one line of JSON, the last line
  -h, --help          Show help

Example:
  $ deno run --allow-all examples/offload/offload.ts --ranks 2 --workers 2
`;

export interface OffloadOptions {
  readonly size: number;
  readonly ranks: number;
  readonly workers: number;
  readonly fabric: "shm" | "verbs";
  readonly out: string;
  readonly json: boolean;
}

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readOptions(args: readonly string[]): OffloadOptions {
  return readArguments("offload", () => {
    const { help, _, size, ranks, workers, fabric, out, json } = parseArgs(args, {
      boolean: ["help", "json"],
      string: ["size", "ranks", "workers", "fabric", "out"],
      alias: { help: "h" },
      unknown: refuseUnknown,
    });
    if (help) printHelp(HELP);
    refuseArguments(_);
    return {
      size: integerOption("size", size ?? "18", 2, 40),
      ranks: integerOption("ranks", ranks ?? "1", 1, 8),
      workers: integerOption("workers", workers ?? "1", 1, 8),
      fabric: choiceOption("fabric", fabric ?? "shm", ["shm", "verbs"]),
      out: textOption("out", out) ?? "out/offload",
      json,
    };
  });
}
