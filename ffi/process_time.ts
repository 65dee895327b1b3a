/** The processor time of a process or a thread as the kernel counts it. */

import type { Libc } from "./libc.ts";

/** The low bits of a process's clock id: CPUCLOCK_SCHED, in nanoseconds (linux/posix-timers.h; man clock_getcpuclockid). */
const CPUCLOCK_SCHED = 2;
/** The bit of a thread's clock id. */
const CPUCLOCK_PERTHREAD_MASK = 4;

/**
 * The processor time of a process, in nanoseconds: of all its threads, including those that have ended.
 *
 * @param pid 0 is this process.
 * @returns `undefined` when there is no such process.
 */
export function processTimeNs(libc: Libc, pid: number): bigint | undefined {
  return readClockNs(libc, (~pid << 3) | CPUCLOCK_SCHED);
}

/**
 * The processor time of a thread of this process, in milliseconds.
 *
 * @param id the kernel's id of the thread.
 * @returns `undefined` when there is no such thread.
 */
export function threadTimeMs(libc: Libc, id: number): number | undefined {
  const ns = readClockNs(libc, (~id << 3) | CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED);
  return ns === undefined ? undefined : Number(ns) / 1e6;
}

function readClockNs(libc: Libc, clock: number): bigint | undefined {
  const time = new BigInt64Array(2); // struct timespec
  if (libc.c.clock_gettime(clock, new Uint8Array(time.buffer)) !== 0) return undefined;
  return time[0]! * 1_000_000_000n + time[1]!;
}
