/** The cores on which a thread may run (`man 2 sched_setaffinity`). */

import type { Libc } from "./libc.ts";

/** Bytes of a mask: 1024 cores, as glibc's cpu_set_t. */
const MASK_BYTES = 128;
const MASK_SIZE = BigInt(MASK_BYTES);

/**
 * The numbers of the cores on which a thread may run.
 *
 * @param thread its number; 0 is the calling one.
 * @throws {ErrnoError} when there is no such thread.
 */
export function allowedCores(libc: Libc, thread = 0): number[] {
  const mask = new Uint8Array(MASK_BYTES);
  if (libc.c.sched_getaffinity(thread, MASK_SIZE, mask) < 0) {
    throw libc.fail(`read the cores of thread ${thread}`);
  }
  const cores: number[] = [];
  for (let core = 0; core < 8 * MASK_BYTES; core++) {
    if ((mask[core >> 3]! >> (core & 7)) & 1) cores.push(core);
  }
  return cores;
}

/**
 * Restricts a thread, and the threads that it starts afterwards, to these cores.
 *
 * @param thread its number; 0 is the calling one.
 * @throws {ErrnoError} when none of the cores can be used, or there is no such thread.
 */
export function keepOnCores(libc: Libc, cores: readonly number[], thread = 0): void {
  const mask = new Uint8Array(MASK_BYTES);
  for (const core of cores) mask[core >> 3]! |= 1 << (core & 7);
  if (libc.c.sched_setaffinity(thread, MASK_SIZE, mask) < 0) {
    throw libc.fail(`restrict thread ${thread} to cores ${cores}`);
  }
}

/** A mask of all cores. */
const ANY = new Uint8Array(MASK_BYTES).fill(0xff);

/** Moves the calling thread to another core. Uses the same memory each time: a call may wait for it. */
export class CoreLeaver {
  readonly #libc: Libc;
  /** The cores on which the thread may run, and those but the one that it leaves. */
  readonly #allowed = new Uint8Array(MASK_BYTES);
  readonly #others = new Uint8Array(MASK_BYTES);
  readonly #restored = new Uint8Array(MASK_BYTES);
  /** Whether the thread may still not run on the core that it left, since the kernel refused. */
  #isKeptOff = false;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Returns on how many cores the thread may run; 0 if that cannot be read, as on a host of more than 1024 cores. */
  count(): number {
    if (this.#isKeptOff && !this.#restore()) return 0;
    if (this.#libc.c.sched_getaffinity(0, MASK_SIZE, this.#allowed) < 0) return 0;
    let cores = 0;
    for (let i = 0; i < MASK_BYTES; i++) {
      for (let bits = this.#allowed[i]!; bits !== 0; bits &= bits - 1) cores++;
    }
    return cores;
  }

  /**
   * Leaves a core. Afterwards the thread may run where it could when they were counted last.
   *
   * @returns whether it may run elsewhere.
   */
  leave(core: number): boolean {
    const { c } = this.#libc;
    this.#others.set(this.#allowed);
    this.#others[core >> 3]! &= ~(1 << (core & 7));
    if (c.sched_setaffinity(0, MASK_SIZE, this.#others) !== 0) return false;
    this.#restore();
    return true;
  }

  /**
   * Lets the thread run where it could. The kernel remembers a mask that was set, and uses no core beyond it when the
   * thread's control group has more cores later. A mask of all cores is as none, so it stays unless the thread had one.
   */
  #restore(): boolean {
    const { c } = this.#libc;
    const isAsBefore = c.sched_setaffinity(0, MASK_SIZE, ANY) === 0 &&
      c.sched_getaffinity(0, MASK_SIZE, this.#restored) >= 0 &&
      this.#restored.every((byte, i) => byte === this.#allowed[i]);
    this.#isKeptOff = !isAsBefore && c.sched_setaffinity(0, MASK_SIZE, this.#allowed) !== 0;
    return !this.#isKeptOff;
  }
}
