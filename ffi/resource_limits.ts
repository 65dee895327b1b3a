/** Limits that the kernel enforces on this process, all its threads included (`man 2 setrlimit`). They cannot be raised again. */

import type { Libc } from "./libc.ts";

const RLIMIT_FSIZE = 1;
const RLIMIT_CORE = 4;
const RLIMIT_NOFILE = 7;
const SIGXFSZ = 25;
const SIG_IGN = 1n;

/** The limits of this process; what is left out stays as it is. */
export interface ResourceLimits {
  /** The largest size to which a file may grow, in bytes, shared memory included; 0 forbids every write to a file. */
  readonly fileBytes?: number;
  /** The largest memory dump that a crash leaves, in bytes. */
  readonly coreBytes?: number;
  /** The number of open descriptors. */
  readonly descriptors?: number;
}

/**
 * Lowers limits of this process. A write past the size of a file fails with EFBIG from then on, instead of ending the
 * process.
 *
 * @throws {ErrnoError} when the kernel refuses.
 */
export function limitResources(libc: Libc, limits: ResourceLimits): void {
  const { fileBytes, coreBytes, descriptors } = limits;
  if (fileBytes !== undefined) {
    libc.c.signal(SIGXFSZ, Deno.UnsafePointer.create(SIG_IGN));
    lower(libc, RLIMIT_FSIZE, fileBytes);
  }
  if (coreBytes !== undefined) lower(libc, RLIMIT_CORE, coreBytes);
  if (descriptors !== undefined) lower(libc, RLIMIT_NOFILE, descriptors);
}

/** Sets both the limit and its maximum, unless they are lower already. */
function lower(libc: Libc, resource: number, value: number): void {
  const limit = new BigUint64Array(2); // struct rlimit
  const bytes = new Uint8Array(limit.buffer);
  if (libc.c.prlimit(0, resource, null, bytes) !== 0) {
    throw libc.fail(`read resource limit ${resource}`);
  }
  const lowered = BigInt(value);
  limit[1] = limit[1]! < lowered ? limit[1]! : lowered;
  limit[0] = limit[0]! < limit[1]! ? limit[0]! : limit[1]!;
  if (libc.c.prlimit(0, resource, bytes, null) !== 0) {
    throw libc.fail(`set resource limit ${resource}`);
  }
}
