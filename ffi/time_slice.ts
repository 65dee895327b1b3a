/**
 * The time slice of a thread: how long it may run before another gets the core (`man 2 sched_setattr`). Linux honors it
 * since 6.12; earlier kernels ignore it. When a thread with a shorter slice wakes, it preempts one with a longer slice.
 */

import type { Arch } from "./elf.ts";
import type { Libc } from "./libc.ts";

/** Numbers of the system calls; glibc has functions for them since 2.41. */
const NUMBERS: Record<Arch, { readonly set: bigint; readonly get: bigint }> = {
  x86_64: { set: 314n, get: 315n },
  aarch64: { set: 274n, get: 275n },
};

/** Bytes of the first version of struct sched_attr, and the offsets of its policy and run time. */
const ATTR_BYTES = 48;
const POLICY_AT = 4;
const RUNTIME_AT = 24;
const SCHED_OTHER = 0;
const THIS_THREAD = 0;

/**
 * A thread's time slice in milliseconds; 0 where the kernel does not report it.
 *
 * @param thread its number; 0 is the calling one.
 */
export function timeSliceMs(libc: Libc, thread: number = THIS_THREAD): number {
  const attr = new DataView(new ArrayBuffer(ATTR_BYTES));
  return readAttr(libc, thread, attr) ? Number(attr.getBigUint64(RUNTIME_AT, true)) / 1e6 : 0;
}

/**
 * Requests a time slice of `ms` milliseconds (0.1 to 100) for the calling thread; its priority stays.
 *
 * @returns false if the thread has another policy than SCHED_OTHER or the kernel refuses.
 */
export function requestTimeSlice(libc: Libc, ms: number): boolean {
  const attr = new DataView(new ArrayBuffer(ATTR_BYTES));
  if (!readAttr(libc, THIS_THREAD, attr) || attr.getUint32(POLICY_AT, true) !== SCHED_OTHER) {
    return false;
  }
  attr.setBigUint64(RUNTIME_AT, BigInt(Math.round(ms * 1e6)), true);
  const bytes = new Uint8Array(attr.buffer);
  return libc.c.syscall(numbers().set, BigInt(THIS_THREAD), bytes, 0n, 0n) === 0n;
}

function readAttr(libc: Libc, thread: number, attr: DataView<ArrayBuffer>): boolean {
  const bytes = new Uint8Array(attr.buffer);
  return libc.c.syscall(numbers().get, BigInt(thread), bytes, BigInt(ATTR_BYTES), 0n) === 0n;
}

function numbers() {
  return NUMBERS[Deno.build.arch as Arch];
}
