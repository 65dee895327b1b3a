/** Opens the memory bounds of a node: enforced by the kernel if possible, else by watching. */

import type { Libc } from "../../../ffi/libc.ts";
import { CgroupBounds } from "./cgroup_bounds.ts";
import { openHierarchy } from "./cgroup_hierarchy.ts";
import type { MemoryBounds } from "./memory_limit.ts";
import { ResidentWatch } from "./resident_watch.ts";

/** The setting of a node: `auto` uses control groups if they are available, `soft` never does. */
export const memoryBoundNames = ["auto", "soft"] as const;
/** One of {@linkcode memoryBoundNames}. */
export type MemoryBoundChoice = (typeof memoryBoundNames)[number];

/** Opens the memory bounds that `choice` and this host allow. */
export function openMemoryBounds(libc: Libc, choice: MemoryBoundChoice): MemoryBounds {
  if (choice === "soft") return new ResidentWatch(libc, "configured as soft");
  const hierarchy = openHierarchy(libc);
  return typeof hierarchy === "string"
    ? new ResidentWatch(libc, hierarchy)
    : new CgroupBounds(libc, hierarchy);
}
