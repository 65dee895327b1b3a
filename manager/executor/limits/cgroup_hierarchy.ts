/** Where this process may make control groups that bound memory: below its own, in version 1 or 2 (`man 7 cgroups`). */

import { EEXIST, type ErrnoError } from "../../../ffi/errno.ts";
import {
  listKernelFolder,
  makeKernelFolder,
  readKernelFile,
  removeKernelFolder,
  writeKernelFile,
} from "../../../ffi/kernel_file.ts";
import type { Libc } from "../../../ffi/libc.ts";

export interface CgroupHierarchy {
  readonly version: 1 | 2;
  /** The folder below which groups are made. */
  readonly folder: string;
}

/** A mounted hierarchy, from a line of /proc/self/mountinfo (`man 5 proc_pid_mountinfo`). */
interface Mount {
  readonly root: string;
  readonly at: string;
  readonly version: 1 | 2;
}

/**
 * Finds the hierarchy, from the two files' text, without a look at the disk.
 *
 * @returns the folder of this process's own group, or why there is none.
 */
export function findHierarchy(mountInfo: string, procCgroup: string): CgroupHierarchy | string {
  const mount = memoryMount(mountInfo);
  if (!mount) return "no hierarchy of control groups is mounted";
  const groups = procCgroup.split("\n").map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  const own = groups.find((group) =>
    mount.version === 1 ? group?.[1]?.split(",").includes("memory") : group?.[1] === ""
  )?.[2];
  if (own === undefined) return "this process is in no control group";
  // In a container the mount begins at some group, of which the path names all above as well.
  const below = mount.root === "/"
    ? own
    : own.startsWith(mount.root)
    ? own.slice(mount.root.length)
    : undefined;
  if (below === undefined) return `its control group ${own} lies outside of what is mounted`;
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
 * Sees whether groups below this process's own take a limit.
 *
 * In version 2 a group that has processes can't bound its children, so this process moves to a child of its own; it
 * does so only when nobody else is in its group.
 *
 * @returns the hierarchy to make groups in, or why it can't be.
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

/** What groups of this process are called: whose they are is seen when that has been killed. */
export function groupName(which: string): string {
  return `rfaas-${Deno.pid}-${which}`;
}

/** Removes the groups that managers which were killed have left. */
export function sweepGroups(libc: Libc, { folder }: CgroupHierarchy): void {
  for (const name of listKernelFolder(libc, folder)) {
    const pid = Number(/^rfaas-(\d+)-/.exec(name)?.[1] ?? NaN);
    // One that is empty may be about to get its process, if its manager lives.
    if (pid > 0 && libc.c.kill(pid, 0) !== 0) removeKernelFolder(libc, `${folder}/${name}`);
  }
}

/** Lets the children of a group of version 2 be bounded. @returns why it can't. */
function delegate(libc: Libc, folder: string): string | undefined {
  const controllers = readKernelFile(libc, `${folder}/cgroup.controllers`).trim().split(" ");
  if (!controllers.includes("memory")) return `${folder} may not bound memory`;
  const given = readKernelFile(libc, `${folder}/cgroup.subtree_control`).trim().split(" ");
  if (given.includes("memory")) return undefined;
  const inside = readKernelFile(libc, `${folder}/cgroup.procs`).split("\n").filter(Boolean);
  if (inside.some((pid) => Number(pid) !== Deno.pid)) {
    return `other processes are in ${folder}: give the manager a group of its own, such as by ` +
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
