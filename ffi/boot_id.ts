/** The kernel's boot id, read without the right to read files: a client has `--allow-ffi` and little else. */

import { cString, type Libc } from "./libc.ts";

const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"; // man 4 random
const O_RDONLY_CLOEXEC = 0o2000000;

/**
 * Which start of which kernel this is: 36 characters, the same for all processes of a host, containers included.
 *
 * @throws {ErrnoError} where the file can't be read.
 */
export function readBootId(libc: Libc): string {
  const fd = libc.c.open(cString(BOOT_ID_FILE), O_RDONLY_CLOEXEC, 0);
  if (fd < 0) throw libc.fail(`read ${BOOT_ID_FILE}`);
  try {
    const bytes = new Uint8Array(64);
    const length = Number(libc.c.read(fd, bytes, BigInt(bytes.length)));
    if (length < 0) throw libc.fail(`read ${BOOT_ID_FILE}`);
    return new TextDecoder().decode(bytes.subarray(0, length)).trim();
  } finally {
    libc.c.close(fd);
  }
}
