/** Which cores threads may run on (`man 2 sched_setaffinity`). */

import type { Libc } from "./libc.ts";

/** Bytes of a mask: 1024 cores, as glibc's cpu_set_t. */
const MASK_BYTES = 128;

/** The cores that a thread may run on, by number; 0 is the calling one. */
export function allowedCores(libc: Libc, thread = 0): number[] {
  const mask = new Uint8Array(MASK_BYTES);
  if (libc.c.sched_getaffinity(thread, BigInt(MASK_BYTES), mask) < 0) {
    throw libc.fail(`learn the cores of thread ${thread}`);
  }
  const cores: number[] = [];
  for (let core = 0; core < 8 * MASK_BYTES; core++) {
    if ((mask[core >> 3]! >> (core & 7)) & 1) cores.push(core);
  }
  return cores;
}

/** Keeps the calling thread, and those that it makes from now on, on these cores. */
export function keepOnCores(libc: Libc, cores: readonly number[]): void {
  const mask = new Uint8Array(MASK_BYTES);
  for (const core of cores) mask[core >> 3]! |= 1 << (core & 7);
  if (libc.c.sched_setaffinity(0, BigInt(MASK_BYTES), mask) < 0) {
    throw libc.fail(`keep a thread on cores ${cores}`);
  }
}
