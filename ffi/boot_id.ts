/** The kernel's boot id, read without `--allow-read`: a client has `--allow-ffi` and few other permissions. */

import { readKernelFile } from "./kernel_file.ts";
import type { Libc } from "./libc.ts";

const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"; // man 4 random

/**
 * Identifies one boot of one kernel: 36 characters, the same for all processes of a host, containers included.
 *
 * @throws {ErrnoError} when the file cannot be read.
 */
export function readBootId(libc: Libc): string {
  return readKernelFile(libc, BOOT_ID_FILE).trim();
}
