/** The kernel's boot id, read without the right to read files: a client has `--allow-ffi` and little else. */

import { readKernelFile } from "./kernel_file.ts";
import type { Libc } from "./libc.ts";

const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"; // man 4 random

/**
 * Which start of which kernel this is: 36 characters, the same for all processes of a host, containers included.
 *
 * @throws {ErrnoError} where the file can't be read.
 */
export function readBootId(libc: Libc): string {
  return readKernelFile(libc, BOOT_ID_FILE).trim();
}
