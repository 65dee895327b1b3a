/** The option `--fabric`, which several commands have. */

import { Option } from "commander";
import type { FabricChoice } from "../runtime/keeper/reach_node.ts";

/** @param does what the choices mean to the command. */
export function fabricOption(does: string, standard?: FabricChoice): Option {
  const option = new Option("--fabric <kind>", does).choices(["auto", "shm", "verbs"]);
  return standard === undefined ? option : option.default(standard);
}

/** The same for commands of a client: left out, RFAAS_FABRIC says it. */
export function clientFabricOption(): Option {
  return fabricOption(
    "how nodes are reached: shm in shared memory, verbs over RDMA, auto as fits " +
      "(default: RFAAS_FABRIC, or auto)",
  );
}
