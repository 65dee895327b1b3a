/** `rfaas demo`: a tour of rfaas. */

import type { Command } from "commander";
import { passThroughCommand } from "./pass_through_command.ts";

export function demoCommand(): Command {
  return passThroughCommand(
    "demo",
    "Run a tour of rfaas on this host: calls, thumbnails, faults; less than a minute. Needs a clone of the repository.",
    `$ rfaas demo
    $ rfaas demo --photos ~/Pictures --out thumbnails --json`,
    new URL("../../examples/demo/demo.ts", import.meta.url),
  );
}
