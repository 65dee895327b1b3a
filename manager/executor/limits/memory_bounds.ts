/** The memory bounds of a node: by the kernel where it can be, else by looking. */

import type { Libc } from "../../../ffi/libc.ts";
import { sha256Hex } from "../../../runtime/sha256.ts";
import { CgroupBounds } from "./cgroup_bounds.ts";
import { openHierarchy } from "./cgroup_hierarchy.ts";
import type { MemoryBounds } from "./memory_limit.ts";
import { ResidentWatch } from "./resident_watch.ts";

/** What a node is told: `auto` takes control groups where they can be had, `soft` never. */
export const memoryBoundNames = ["auto", "soft"] as const;
export type MemoryBoundChoice = (typeof memoryBoundNames)[number];

/** @param stateDir names the folder of control groups: what a killed manager has left is swept by its next start. */
export async function openMemoryBounds(
  libc: Libc,
  choice: MemoryBoundChoice,
  stateDir: string,
): Promise<MemoryBounds> {
  if (choice === "soft") return new ResidentWatch(libc, "it was asked for");
  const digest = await sha256Hex(new TextEncoder().encode(stateDir));
  const hierarchy = openHierarchy(libc, `rfaas-${digest.slice(0, 16)}`);
  return typeof hierarchy === "string"
    ? new ResidentWatch(libc, hierarchy)
    : new CgroupBounds(libc, hierarchy);
}
