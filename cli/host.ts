/** The size and the name of this host. */

import { readKernelFile } from "../ffi/kernel_file.ts";
import { type Libc, openLibc } from "../ffi/libc.ts";
import { groupLimitBytes } from "../manager/executor/limits/group_limit.ts";

/** Files of an executor manager and of each of its executors: some 40 without a lease, and some 10 for each worker. */
export const MIN_OPEN_FILES = 128;

/** Logical processors. */
export function hostCores(): number {
  return navigator.hardwareConcurrency;
}

/** Memory in bytes that processes may use here: the host's, or less in a container with a limit. */
export function hostMemoryBytes(): number {
  return Math.min(Deno.systemMemoryInfo().total, memoryLimitBytes());
}

/** The limit of this process's control groups; a huge number if there is none, or without `--allow-ffi`. */
export function memoryLimitBytes(): number {
  let libc;
  try {
    libc = openLibc();
  } catch {
    return Infinity; // `rfaas doctor` reports this
  }
  try {
    return groupLimitBytes(libc);
  } finally {
    libc.close();
  }
}

/** The address of a free port that only this host reaches. */
export function loopbackUrl(): string {
  try {
    Deno.listen({ hostname: "127.0.0.1", port: 0 }).close();
    return "http://127.0.0.1:0";
  } catch {
    return "http://[::1]:0"; // a host may have IPv6 only
  }
}

/** How many files this process may open. Deno raises the limit to the hard limit at its start. */
export function maxOpenFiles(libc: Libc): number {
  const limits = readKernelFile(libc, "/proc/self/limits");
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
}

/** The host's name, made a valid node name: letters, digits, `.`, `_`, `-`. */
export function hostNodeName(): string {
  return Deno.hostname().replaceAll(/[^A-Za-z0-9._-]/g, "-").replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 128) || "node";
}
