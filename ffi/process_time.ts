/** The processor time that the kernel has counted for a process, all its threads together, also ended ones. */

import type { Libc } from "./libc.ts";

/** The low bits of a process's clock id: CPUCLOCK_SCHED, in nanoseconds (linux/posix-timers.h; man clock_getcpuclockid). */
const CPUCLOCK_SCHED = 2;

/** Nanoseconds; `undefined` when there is no such process. 0 is this process itself. */
export function processTimeNs(libc: Libc, pid: number): bigint | undefined {
  const clock = (~pid << 3) | CPUCLOCK_SCHED;
  const time = new BigInt64Array(2); // struct timespec
  if (libc.c.clock_gettime(clock, new Uint8Array(time.buffer)) !== 0) return undefined;
  return time[0]! * 1_000_000_000n + time[1]!;
}
