/** The limits that this process has itself: a sandbox may hand them on, and not raise them. */

import { readKernelFile } from "../../../ffi/kernel_file.ts";
import type { Libc } from "../../../ffi/libc.ts";

/** Each as container engines read it; -1 is none. */
export interface OwnLimits {
  /** The path of the control group that bounds memory. */
  readonly cgroup: string;
  readonly nofile: string;
  readonly nproc: string;
  readonly memlock: string;
}

/** What Podman lowers its own limits to, and so can't give to containers either. */
const MAX_NOFILE = 1_048_576;

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
    memlock: memlock === Infinity ? "-1" : String(memlock),
  };
}

/** The path in the hierarchy of memory, of version 1 if it is there (`man 7 cgroups`). */
export function ownCgroup(procCgroup: string): string {
  const lines = procCgroup.split("\n").map((line) => /^(\d+):([^:]*):(.*)$/.exec(line));
  const memory = lines.find((line) => line?.[2]?.split(",").includes("memory")) ??
    lines.find((line) => line?.[2] === "");
  return memory?.[3] ?? "/";
}
