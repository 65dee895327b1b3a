/** The option `--fabric`, which several commands have. */

import { Option } from "commander";
import type { FabricChoice } from "../../runtime/keeper/reach_node.ts";

/** @param description What the choices mean for the command. */
export function fabricOption(description: string): Option {
  const choices: readonly FabricChoice[] = ["auto", "shm", "verbs"];
  return new Option("--fabric <kind>", description).choices(choices);
}

/** The option of client commands. Its default is RFAAS_FABRIC. */
export function clientFabricOption(): Option {
  return fabricOption(
    "How to reach nodes: shm in shared memory, verbs over RDMA, auto either " +
      "(default: RFAAS_FABRIC, or auto)",
  );
}
