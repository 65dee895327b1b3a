/** Descriptors of memory that two processes share: a sealed memfd, or an unnamed private file. */

import { EINVAL, errnoError } from "./errno.ts";
import { cString, type Libc } from "./libc.ts";

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
const SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW;
const O_RDWR_CREAT_EXCL_NOFOLLOW_CLOEXEC = 0o2 | 0o100 | 0o200 | 0o400000 | 0o2000000;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC = 0x7ff;

/**
 * Makes shared memory of `length` bytes, all zero, and returns its descriptor.
 *
 * A memfd has no name, so it leaves nothing behind when its last holder dies. Its seals prevent a truncation under a
 * mapping, which would end the other process by SIGBUS. Where there is no memfd, a file replaces it: created new (never
 * through a link) with mode 0600 in a private folder, unlinked at once, and allocated in full, since a full disk would
 * cause SIGBUS as well.
 *
 * @param fallback `folder`: where the file is created if there is no memfd; `force`: use the file, for tests.
 * @throws {ErrnoError} when the kernel refuses.
 * @throws {Error} when the folder is not private, or cannot hold `length` bytes.
 */
export function createSharedMemory(
  libc: Libc,
  name: string,
  length: number,
  fallback: { folder: string; force?: boolean },
): number {
  const fd = fallback.force
    ? -1
    : libc.c.memfd_create(cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return createUnnamedFile(libc, length, fallback.folder);
  if (libc.c.ftruncate(fd, BigInt(length)) !== 0 || libc.c.fcntl(fd, F_ADD_SEALS, SEALS) !== 0) {
    const error = libc.fail(`make ${length} bytes of shared memory`);
    libc.c.close(fd);
    throw error;
  }
  return fd;
}

function createUnnamedFile(libc: Libc, length: number, folder: string): number {
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const info = Deno.lstatSync(folder);
  if (!info.isDirectory || info.uid !== libc.c.getuid() || (info.mode! & 0o077) !== 0) {
    throw new Error(`Cannot make shared memory: ${folder} is not a private folder of this user`);
  }
  const path = cString(`${folder}/${crypto.randomUUID()}`);
  const fd = libc.c.open(path, O_RDWR_CREAT_EXCL_NOFOLLOW_CLOEXEC, 0o600);
  if (fd < 0) throw libc.fail(`make shared memory in ${folder}`);
  libc.c.unlink(path);
  const errno = libc.c.posix_fallocate(fd, 0n, BigInt(length));
  if (errno !== 0) {
    libc.c.close(fd);
    throw errnoError(`allocate ${length} bytes of shared memory in ${folder}`, errno);
  }
  return fd;
}

/**
 * Checks a descriptor from another process before it is mapped: it must have `length` bytes, and be sealed against
 * truncation or be an unnamed, fully allocated, private file of this user.
 *
 * @throws {Error} when it is not; the message has the reason.
 */
export function checkSharedMemory(libc: Libc, fd: number, length: number): void {
  const statx = new DataView(new ArrayBuffer(256));
  if (
    libc.c.statx(fd, cString(""), AT_EMPTY_PATH, STATX_BASIC, new Uint8Array(statx.buffer)) !== 0
  ) {
    throw libc.fail("inspect the peer's shared memory");
  }
  const size = Number(statx.getBigUint64(40, true));
  if (size !== length) {
    throw new Error(`Cannot use the peer's shared memory: expected ${length} bytes, got ${size}`);
  }
  const seals = libc.c.fcntl(fd, F_GET_SEALS, 0);
  if (seals >= 0 && (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) === (F_SEAL_SHRINK | F_SEAL_GROW)) {
    return;
  }
  // A file on tmpfs is created with this seal; on other file systems there are no seals.
  if (seals >= 0 ? seals !== F_SEAL_SEAL : libc.errno() !== EINVAL) {
    throw new Error("Cannot use the peer's shared memory: it is not sealed and could be truncated");
  }
  const links = statx.getUint32(16, true);
  const user = statx.getUint32(20, true);
  const mode = statx.getUint16(28, true);
  const allocated = Number(statx.getBigUint64(48, true)) * 512;
  const isPrivateFile = (mode & 0o170000) === 0o100000 && (mode & 0o077) === 0 && links === 0;
  if (!isPrivateFile || user !== libc.c.getuid() || allocated < length) {
    throw new Error(
      "Cannot use the peer's shared memory: it is not an unnamed, allocated, private file of this user",
    );
  }
}
