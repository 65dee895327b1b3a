/** What the demo can be asked for. */

import { Command, Option } from "commander";

export interface DemoOptions {
  /** A folder of JPEG files. */
  readonly photos: string;
  /** Where the pictures go. */
  readonly out: string;
  /** Print the figures as JSON, as the last line. */
  readonly json: boolean;
  /** Which fabric to use. */
  readonly fabric: "shm" | "verbs";
  /** Fewer calls and photographs, for tests. */
  readonly quick: boolean;
}

/** Reads the arguments; prints help, or what is wrong with them, and ends the process there. */
export function readDemoOptions(args: readonly string[]): DemoOptions {
  const command = new Command("demo")
    .description("Lease two workers, call them, make thumbnails there, break things, clean up.")
    .option("--photos <folder>", "your own photographs (JPEG)", shippedPhotos())
    .option("--out <folder>", "where the thumbnails and the chart go", "out/demo")
    .option("--json", "print the figures as one line of JSON, the last one", false)
    .addOption(
      new Option("--fabric <name>", "what bytes travel by: shared memory, or an RDMA device")
        .choices(["shm", "verbs"]).default("shm"),
    )
    .addOption(new Option("--quick").hideHelp().default(false))
    .allowExcessArguments(false)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "rfaas: ")) })
    .exitOverride((error) => Deno.exit(error.exitCode === 0 ? 0 : 2))
    .addHelpText("after", "\nExample:\n  $ deno task demo --photos ~/Pictures --out thumbnails");
  command.parse(args, { from: "user" });
  return command.opts();
}

function shippedPhotos(): string {
  return decodeURIComponent(new URL("./photos", import.meta.url).pathname);
}
