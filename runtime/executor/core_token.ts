/**
 * A worker's hold on one of its node's cores, where more workers are leased than there are cores. The words lie in
 * memory that all executors of the node share, one a core: 0 while it is free, else who has it. Arenas can't carry
 * them, since each belongs to one connection.
 */

import { cString, type Libc } from "../../ffi/libc.ts";
import { atomicsCompareExchange, atomicsStore } from "../../ffi/intrinsics.ts";
import { MappedMemory } from "../../ffi/mapped_memory.ts";
import { checkSharedMemory } from "../../ffi/shared_memory.ts";
import * as v from "../valibot.ts";

const O_RDWR_CLOEXEC = 0o2 | 0o2000000;

/** Bits of an owner's number that tell the worker; the others tell its executor. */
export const WORKER_BITS = 10;

const positive = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 31 - 1));
/** Where an executor finds the words, and who it is. */
export const CoreWords = v.object({
  path: v.pipe(v.string(), v.regex(/^\/proc\/\d+\/fd\/\d+$/)),
  /** Bytes of the memory, and words of it that are cores. */
  bytes: positive,
  cores: positive,
  /** The number of the executor: the owner of worker 0. */
  owner: positive,
});
export type CoreWords = v.InferOutput<typeof CoreWords>;

export class CoreToken {
  readonly #words: Int32Array;
  readonly #owner: number;
  readonly #cores: number;
  /** The core that is held, or was last: it is most likely to be free again. */
  #core = 0;
  #held = false;

  constructor(words: Int32Array, cores: number, owner: number) {
    this.#words = words;
    this.#cores = cores;
    this.#owner = owner;
    this.#core = owner % cores;
  }

  /** Maps the words; needs the right to FFI. @throws {Error} when they are not to be had. */
  static open(libc: Libc, { path, bytes, cores, owner }: CoreWords, worker: number): CoreToken {
    const fd = libc.c.open(cString(path), O_RDWR_CLOEXEC, 0);
    if (fd < 0) throw libc.fail("open the words of the node's cores");
    try {
      checkSharedMemory(libc, fd, bytes);
      const memory = MappedMemory.map(libc, fd, bytes);
      return new CoreToken(new Int32Array(memory.buffer(0, bytes)), cores, owner + worker);
    } finally {
      libc.c.close(fd);
    }
  }

  /** Takes a core, unless one is held; false when none is free. */
  take(): boolean {
    if (this.#held) return true;
    for (let i = 0; i < this.#cores; i++) {
      const core = (this.#core + i) % this.#cores;
      if (atomicsCompareExchange(this.#words, core, 0, this.#owner) !== 0) continue;
      this.#core = core;
      return this.#held = true;
    }
    return false;
  }

  /** Gives the core back, if one is held. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    atomicsStore(this.#words, this.#core, 0);
  }
}
