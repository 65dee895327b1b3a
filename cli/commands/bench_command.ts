/** `rfaas bench`: measures this host. */

import type { Command } from "commander";
import { passThroughCommand } from "./pass_through_command.ts";

export function benchCommand(): Command {
  return passThroughCommand(
    "bench",
    "Benchmark calls on this host. Needs a clone of the repository.",
    "$ rfaas bench --suite hot",
    new URL("../../bench/run.ts", import.meta.url),
  );
}
