/**
 * The kernel's files (/proc, /sys/fs/cgroup), through libc: Deno itself lets only a program with `--allow-all` read them.
 */

import { ENOENT, type ErrnoError } from "./errno.ts";
import { cString, type Libc } from "./libc.ts";

const O_RDONLY_CLOEXEC = 0o2000000;
const O_WRONLY_CLOEXEC = 0o1 | 0o2000000;
const O_PATH_CLOEXEC = 0o10000000 | 0o2000000;
const CHUNK_BYTES = 65_536;

/**
 * The whole text of a file.
 *
 * @throws {ErrnoError} when it cannot be read.
 */
export function readKernelFile(libc: Libc, path: string): string {
  const fd = openFile(libc, path, O_RDONLY_CLOEXEC);
  try {
    const decoder = new TextDecoder();
    const bytes = new Uint8Array(CHUNK_BYTES);
    let text = "";
    for (;;) {
      const length = Number(libc.c.read(fd, bytes, BigInt(bytes.length)));
      if (length < 0) throw libc.fail(`read ${path}`);
      if (length === 0) return text;
      text += decoder.decode(bytes.subarray(0, length), { stream: true });
    }
  } finally {
    libc.c.close(fd);
  }
}

/**
 * Writes the whole text with one call, as these files require.
 *
 * @param options `ifThere`: does nothing when there is no such file.
 * @throws {ErrnoError} when there is no such file, or the kernel refuses the text.
 */
export function writeKernelFile(
  libc: Libc,
  path: string,
  text: string,
  { ifThere = false } = {},
): void {
  let fd: number;
  try {
    fd = openFile(libc, path, O_WRONLY_CLOEXEC);
  } catch (error) {
    if (ifThere && (error as ErrnoError).errno === ENOENT) return;
    throw error;
  }
  try {
    const bytes = new TextEncoder().encode(text);
    if (Number(libc.c.write(fd, bytes, BigInt(bytes.length))) < 0) {
      throw libc.fail(`write ${text} to ${path}`);
    }
  } finally {
    libc.c.close(fd);
  }
}

/**
 * Writes like {@linkcode writeKernelFile} on another thread, for files whose write blocks, such as cgroup.procs.
 *
 * @throws {ErrnoError} when there is no such file.
 * @throws {Error} when the kernel refuses the text.
 */
export async function writeKernelFileAside(
  libc: Libc,
  path: string,
  text: string,
): Promise<void> {
  const fd = openFile(libc, path, O_WRONLY_CLOEXEC);
  try {
    const bytes = new TextEncoder().encode(text);
    const written = await libc.c.writeAside(fd, bytes, BigInt(bytes.length));
    // errno is that of another thread here.
    if (Number(written) < 0) {
      throw new Error(`Cannot write ${text} to ${path}: the kernel refused it`);
    }
  } finally {
    libc.c.close(fd);
  }
}

/** Whether there is a file or a folder; it need not be readable. */
export function pathExists(libc: Libc, path: string): boolean {
  const fd = libc.c.open(cString(path), O_PATH_CLOEXEC, 0);
  if (fd < 0) return false;
  libc.c.close(fd);
  return true;
}

/**
 * Makes a folder, such as a cgroup.
 *
 * @throws {ErrnoError} when it exists already, or the kernel refuses.
 */
export function makeKernelFolder(libc: Libc, path: string): void {
  if (libc.c.mkdir(cString(path), 0o755) !== 0) throw libc.fail(`make ${path}`);
}

/** Removes an empty folder, such as a cgroup without processes; false when that fails. */
export function removeKernelFolder(libc: Libc, path: string): boolean {
  return libc.c.rmdir(cString(path)) === 0;
}

/** The offset of the name in struct dirent: after inode, offset, length and type (`man 3 readdir`). */
const DIRENT_NAME = 19;

/**
 * The names in a folder, without `.` and `..`.
 *
 * @throws {ErrnoError} when it cannot be read.
 */
export function listKernelFolder(libc: Libc, path: string): string[] {
  const folder = libc.c.opendir(cString(path));
  if (folder === null) throw libc.fail(`list ${path}`);
  const names: string[] = [];
  try {
    for (;;) {
      const entry = libc.c.readdir(folder);
      if (entry === null) return names;
      const name = new Deno.UnsafePointerView(entry).getCString(DIRENT_NAME);
      if (name !== "." && name !== "..") names.push(name);
    }
  } finally {
    libc.c.closedir(folder);
  }
}

function openFile(libc: Libc, path: string, flags: number): number {
  const fd = libc.c.open(cString(path), flags, 0);
  if (fd < 0) throw libc.fail(`open ${path}`);
  return fd;
}
