/** The memory that the control groups of this process allow, such as the limit of a container. */

import { readKernelFile } from "../../../ffi/kernel_file.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { findHierarchy } from "./cgroup_hierarchy.ts";

/** Returns the text of a file; undefined if it cannot be read. */
type ReadFile = (path: string) => string | undefined;

/** {@linkcode findLimit} on this host. */
export function groupLimitBytes(libc: Libc): number {
  return findLimit((path) => {
    try {
      return readKernelFile(libc, path);
    } catch {
      return undefined;
    }
  });
}

/**
 * Finds the lowest limit of this process's control group and of those above it, as far as they are visible.
 *
 * @returns bytes; a huge number if there is none.
 */
export function findLimit(read: ReadFile): number {
  const own = findHierarchy(read("/proc/self/mountinfo") ?? "", read("/proc/self/cgroup") ?? "");
  if (typeof own === "string") return Infinity;
  if (own.version === 1) {
    const stat = read(`${own.folder}/memory.stat`) ?? "";
    return Number(/^hierarchical_memory_limit (\d+)$/m.exec(stat)?.[1] ?? Infinity);
  }
  let lowest = Infinity;
  // A group without the file has no limit of its own, but one above it may have.
  for (let folder = own.folder; folder !== ""; folder = folder.slice(0, folder.lastIndexOf("/"))) {
    const max = read(`${folder}/memory.max`)?.trim() ?? "max";
    if (max !== "max") lowest = Math.min(lowest, Number(max));
  }
  return lowest;
}
