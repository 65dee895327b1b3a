/** The state of a process as the kernel shows it. */

import { readKernelFile } from "./kernel_file.ts";
import type { Libc } from "./libc.ts";

/** Whether a signal or a debugger has stopped a process with all its threads; false for one that is gone. */
export function isStopped(libc: Libc, pid: number): boolean {
  try {
    const text = readKernelFile(libc, `/proc/${pid}/stat`);
    // The name before the state may have any characters (man proc_pid_stat).
    const state = text[text.lastIndexOf(")") + 2];
    return state === "T" || state === "t";
  } catch {
    return false;
  }
}
