/** The command line of the demo. */

import { parseArgs } from "@std/cli";
import {
  choiceOption,
  printHelp,
  readArguments,
  refuseArguments,
  refuseUnknown,
  textOption,
} from "../../cli/program_arguments.ts";

const HELP = `
Usage: demo [options]

A tour of rfaas on this host: calls on two leased workers, thumbnails, and faults.

Options:
  --photos <folder>  Folder of photographs, JPEG (default: those of the demo)
  --out <folder>     Folder for the thumbnails and the chart (default: out/demo)
  --json             Print the figures as one line of JSON, the last line
  --fabric <kind>    shm: shared memory; verbs: an RDMA device (default: shm)
  -h, --help         Show help

Example:
  $ deno task demo --photos ~/Pictures --out thumbnails
`;

export interface DemoOptions {
  /** A folder of JPEG files. */
  readonly photos: string;
  /** The folder for the thumbnails and the chart. */
  readonly out: string;
  /** Whether to print the figures as JSON, as the last line. */
  readonly json: boolean;
  readonly fabric: "shm" | "verbs";
  /** Fewer calls and photographs, for tests. Not in the help. */
  readonly quick: boolean;
}

/** Reads the arguments. Ends the process after the help, or if they are wrong. */
export function readDemoOptions(args: readonly string[]): DemoOptions {
  return readArguments("demo", () => {
    const { help, _, photos, out, fabric, json, quick } = parseArgs(args, {
      boolean: ["help", "json", "quick"],
      string: ["photos", "out", "fabric"],
      alias: { help: "h" },
      unknown: refuseUnknown,
    });
    if (help) printHelp(HELP);
    refuseArguments(_);
    return {
      photos: textOption("photos", photos) ?? shippedPhotos(),
      out: textOption("out", out) ?? "out/demo",
      fabric: choiceOption("fabric", fabric ?? "shm", ["shm", "verbs"]),
      json,
      quick,
    };
  });
}

function shippedPhotos(): string {
  return decodeURIComponent(new URL("./photos", import.meta.url).pathname);
}
