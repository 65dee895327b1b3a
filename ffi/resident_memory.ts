/** The resident memory of a process: anonymous and shared pages, without those of mapped files. */

import { readKernelFile } from "./kernel_file.ts";
import type { Libc } from "./libc.ts";

/** In bytes; `undefined` when there is no such process. `man 5 proc_pid_status`. */
export function residentBytes(libc: Libc, pid: number): number | undefined {
  let status: string;
  try {
    status = readKernelFile(libc, `/proc/${pid}/status`);
  } catch {
    return undefined;
  }
  let kibibytes = 0;
  for (const [, count] of status.matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB/gm)) {
    kibibytes += Number(count);
  }
  return kibibytes * 1024;
}
