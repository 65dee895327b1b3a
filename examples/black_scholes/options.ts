/** What the example can be asked for. */

import { Command, Option } from "commander";
import { wholeNumber } from "../../cli/number_argument.ts";

export interface BlackScholesOptions {
  readonly count: number;
  readonly workers: number;
  readonly fabric: "shm" | "verbs";
  readonly json: boolean;
}

/** Reads the arguments; prints help, or what is wrong with them, and ends the process there. */
export function readOptions(args: readonly string[]): BlackScholesOptions {
  const command = new Command("black_scholes")
    .description("Price options on leased workers, in TypeScript, WebAssembly and C.")
    .option("--count <number>", "options to price", wholeNumber(1), 1_000_000)
    .option("--workers <number>", "workers to lease", wholeNumber(1), 2)
    .option("--json", "print the figures as one line of JSON", false)
    .addOption(
      new Option("--fabric <name>", "what bytes travel by: shared memory, or an RDMA device")
        .choices(["shm", "verbs"]).default("shm"),
    )
    .allowExcessArguments(false)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "rfaas: ")) })
    .exitOverride((error) => Deno.exit(error.exitCode === 0 ? 0 : 2));
  command.parse(args, { from: "user" });
  return command.opts();
}
