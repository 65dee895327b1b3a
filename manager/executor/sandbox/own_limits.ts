/** The limits of this process. A sandbox may pass them on to executors, but cannot raise them. */

import { readKernelFile } from "../../../ffi/kernel_file.ts";
import type { Libc } from "../../../ffi/libc.ts";

/** What container engines read as no limit. */
export const NO_LIMIT = "-1";

/** The limits in the form that container engines read. */
export interface OwnLimits {
  /** The path of the control group that bounds memory. */
  readonly cgroup: string;
  readonly nofile: string;
  readonly nproc: string;
  readonly memlock: string;
}

/** Podman lowers its own limit to this, so containers cannot have more. */
const MAX_NOFILE = 1_048_576;

/** Reads the limits of this process. */
export function ownLimits(libc: Libc): OwnLimits {
  const limits = readKernelFile(libc, "/proc/self/limits");
  const hard = (name: string) => {
    const value = new RegExp(`^${name} +\\S+ +(\\d+)`, "m").exec(limits)?.[1];
    return value === undefined ? Infinity : Number(value);
  };
  const maxProcesses = Number(readKernelFile(libc, "/proc/sys/kernel/pid_max"));
  const memlock = hard("Max locked memory");
  return {
    cgroup: ownCgroup(readKernelFile(libc, "/proc/self/cgroup")),
    nofile: String(Math.min(hard("Max open files"), MAX_NOFILE)),
    nproc: String(Math.min(hard("Max processes"), maxProcesses)),
    memlock: memlock === Infinity ? NO_LIMIT : String(memlock),
  };
}

/**
 * Returns the path of this process's control group for memory, of version 1 if that is mounted (`man 7 cgroups`).
 *
 * @param procCgroup the text of /proc/self/cgroup.
 */
export function ownCgroup(procCgroup: string): string {
  const lines = procCgroup.split("\n").map((line) => /^(\d+):([^:]*):(.*)$/.exec(line));
  const memory = lines.find((line) => line?.[2]?.split(",").includes("memory")) ??
    lines.find((line) => line?.[2] === "");
  return memory?.[3] ?? "/";
}
