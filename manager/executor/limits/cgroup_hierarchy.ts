/** Finds where this process may make control groups that bound memory: below its own, version 1 or 2 (`man 7 cgroups`). */

import { EEXIST, type ErrnoError } from "../../../ffi/errno.ts";
import {
  listKernelFolder,
  makeKernelFolder,
  readKernelFile,
  removeKernelFolder,
  writeKernelFile,
} from "../../../ffi/kernel_file.ts";
import type { Libc } from "../../../ffi/libc.ts";

/** A hierarchy of control groups in which this process may make groups. */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  /** The folder that holds the groups. */
  readonly folder: string;
}

/** A mounted hierarchy, from a line of /proc/self/mountinfo (`man 5 proc_pid_mountinfo`). */
interface Mount {
  readonly root: string;
  readonly at: string;
  readonly version: 1 | 2;
}

/**
 * Finds the hierarchy by the text of two files; reads nothing from the disk.
 *
 * @param mountInfo the text of /proc/self/mountinfo.
 * @param procCgroup the text of /proc/self/cgroup.
 * @returns the folder of this process's own group, or the reason why there is none.
 */
export function findHierarchy(mountInfo: string, procCgroup: string): CgroupHierarchy | string {
  const mount = memoryMount(mountInfo);
  if (!mount) return "no hierarchy of control groups is mounted";
  const groups = procCgroup.split("\n").map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  const own = groups.find((group) =>
    mount.version === 1 ? group?.[1]?.split(",").includes("memory") : group?.[1] === ""
  )?.[2];
  if (own === undefined) return "this process is in no control group";
  // In a container the mounted root is itself a group, and the path in /proc/self/cgroup begins above it.
  const below = mount.root === "/"
    ? own
    : own.startsWith(mount.root)
    ? own.slice(mount.root.length)
    : undefined;
  if (below === undefined) return `its control group ${own} is outside of the mounted hierarchy`;
  return { version: mount.version, folder: `${mount.at}${below}`.replace(/\/+$/, "") };
}

function memoryMount(mountInfo: string): Mount | undefined {
  let second: Mount | undefined;
  for (const line of mountInfo.split("\n")) {
    const [before, after] = line.split(" - ");
    const [, , , root, at] = before?.split(" ") ?? [];
    const [type, , options] = after?.split(" ") ?? [];
    if (root === undefined || at === undefined) continue;
    if (type === "cgroup" && options?.split(",").includes("memory")) {
      return { root, at, version: 1 };
    }
    if (type === "cgroup2") second ??= { root, at, version: 2 };
  }
  return second;
}

/**
 * Checks whether groups below this process's own accept a limit.
 *
 * In version 2 a group that has processes cannot bound its children. This process then moves to a child group, unless
 * other processes are in its group.
 *
 * @returns the hierarchy to make groups in, or the reason why that is not possible.
 */
export function openHierarchy(libc: Libc): CgroupHierarchy | string {
  try {
    const own = findHierarchy(
      readKernelFile(libc, "/proc/self/mountinfo"),
      readKernelFile(libc, "/proc/self/cgroup"),
    );
    if (typeof own === "string") return own;
    if (own.version === 2) {
      const refusal = delegate(libc, own.folder);
      if (refusal !== undefined) return refusal;
    }
    const trial = `${own.folder}/${groupName("trial")}`;
    ensureFolder(libc, trial);
    const file = own.version === 1 ? "memory.limit_in_bytes" : "memory.max";
    try {
      writeKernelFile(libc, `${trial}/${file}`, `${2 ** 30}`);
    } finally {
      removeKernelFolder(libc, trial);
    }
    return own;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Returns a name for a group. It holds the process id, by which the groups of a killed manager are found. */
export function groupName(which: string): string {
  return `rfaas-${Deno.pid}-${which}`;
}

/** Removes the groups that killed managers have left. */
export function sweepGroups(libc: Libc, { folder }: CgroupHierarchy): void {
  for (const name of listKernelFolder(libc, folder)) {
    const pid = Number(/^rfaas-(\d+)-/.exec(name)?.[1] ?? NaN);
    // A group of a running manager may be empty because its process is about to be added.
    if (pid > 0 && libc.c.kill(pid, 0) !== 0) removeKernelFolder(libc, `${folder}/${name}`);
  }
}

/** Enables memory limits for the children of a version 2 group. @returns the reason why that is not possible. */
function delegate(libc: Libc, folder: string): string | undefined {
  const controllers = readKernelFile(libc, `${folder}/cgroup.controllers`).trim().split(" ");
  if (!controllers.includes("memory")) return `${folder} may not bound memory`;
  const enabled = readKernelFile(libc, `${folder}/cgroup.subtree_control`).trim().split(" ");
  if (enabled.includes("memory")) return undefined;
  const inside = readKernelFile(libc, `${folder}/cgroup.procs`).split("\n").filter(Boolean);
  if (inside.some((pid) => Number(pid) !== Deno.pid)) {
    return `other processes are in ${folder}: start the manager in its own group, for example by ` +
      "systemd-run --scope --property Delegate=yes";
  }
  if (inside.length > 0) {
    ensureFolder(libc, `${folder}/manager`);
    writeKernelFile(libc, `${folder}/manager/cgroup.procs`, `${Deno.pid}`);
  }
  writeKernelFile(libc, `${folder}/cgroup.subtree_control`, "+memory");
  return undefined;
}

function ensureFolder(libc: Libc, folder: string): void {
  try {
    makeKernelFolder(libc, folder);
  } catch (error) {
    if ((error as ErrnoError).errno !== EEXIST) throw error;
  }
}
