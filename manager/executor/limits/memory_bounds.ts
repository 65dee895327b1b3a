/** The memory bounds of a node: by the kernel where it can be, else by looking. */

import type { Libc } from "../../../ffi/libc.ts";
import { CgroupBounds } from "./cgroup_bounds.ts";
import { openHierarchy } from "./cgroup_hierarchy.ts";
import type { MemoryBounds } from "./memory_limit.ts";
import { ResidentWatch } from "./resident_watch.ts";

/** What a node is told: `auto` takes control groups where they can be had, `soft` never. */
export const memoryBoundNames = ["auto", "soft"] as const;
export type MemoryBoundChoice = (typeof memoryBoundNames)[number];

export function openMemoryBounds(libc: Libc, choice: MemoryBoundChoice): MemoryBounds {
  if (choice === "soft") return new ResidentWatch(libc, "it was asked for");
  const hierarchy = openHierarchy(libc);
  return typeof hierarchy === "string"
    ? new ResidentWatch(libc, hierarchy)
    : new CgroupBounds(libc, hierarchy);
}
