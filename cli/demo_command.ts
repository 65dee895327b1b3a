/** `rfaas demo`: everything at once. */

import type { Command } from "commander";
import { passThroughCommand } from "./pass_through_command.ts";

export function demoCommand(): Command {
  return passThroughCommand(
    "demo",
    "Lease two workers, call them, make thumbnails there, break things, clean up.",
    `$ rfaas demo
    $ rfaas demo --photos ~/Pictures --out thumbnails --json`,
    new URL("../examples/demo/demo.ts", import.meta.url),
  );
}
