/**
 * A worker's claim of one of its node's cores, where more workers are leased than there are cores. The words lie in
 * memory that all executors of the node share, one for each core: 0 while it is free, otherwise its owner. Arenas can't
 * hold them, since each belongs to one connection. A worker that was refused has the next turn for some milliseconds.
 */

import { cString, type Libc } from "../../ffi/libc.ts";
import { atomicsCompareExchange, atomicsLoad, atomicsStore } from "../../ffi/intrinsics.ts";
import { MappedMemory } from "../../ffi/mapped_memory.ts";
import { checkSharedMemory } from "../../ffi/shared_memory.ts";
import * as v from "../valibot.ts";

const O_RDWR_CLOEXEC = 0o2 | 0o2000000;

/** Words after those of the cores: the owner of the next turn (0: none), and since when, in ms modulo 2^32. */
export const NEXT = 0;
const SINCE_MS = 1;
export const MORE_WORDS = 2;
/** How long the next turn is kept for a worker: its client retries within MAX_BUSY_PAUSE_MS of policy.ts. */
const TURN_MS = 10;

/** The same in all processes of a host. Bound before foreign code is loaded. */
const wallMs: () => number = Date.now.bind(Date);

const positive = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 31 - 1));
/** Where an executor opens the words, and its number. */
export const coreWordsSchema = v.object({
  path: v.pipe(v.string(), v.regex(/^\/proc\/(\d+|self)\/fd\/\d+$/)),
  /** Bytes of the memory, and words of it that are cores. */
  bytes: positive,
  cores: positive,
  /** The number of the executor. */
  owner: positive,
});
export type CoreWords = v.InferOutput<typeof coreWordsSchema>;

export class CoreToken {
  readonly #words: Int32Array;
  readonly #owner: number;
  readonly #cores: number;
  /** The core that is held, or was last: the most likely one to be free again. */
  #core = 0;
  #held = false;

  constructor(words: Int32Array, cores: number, owner: number) {
    this.#words = words;
    this.#cores = cores;
    this.#owner = owner;
    this.#core = owner % cores;
  }

  /** Maps the words; needs the right to FFI. @throws {Error} if that fails. */
  static open(libc: Libc, { path, bytes, cores, owner }: CoreWords): CoreToken {
    const fd = libc.c.open(cString(path), O_RDWR_CLOEXEC, 0);
    if (fd < 0) throw libc.fail("open the words of the node's cores");
    try {
      checkSharedMemory(libc, fd, bytes);
      const memory = MappedMemory.map(libc, fd, bytes);
      return new CoreToken(new Int32Array(memory.buffer(0, bytes)), cores, owner);
    } finally {
      libc.c.close(fd);
    }
  }

  /** Takes a core, unless one is held; false if none is free, or the last one is another worker's turn. */
  take(): boolean {
    const isOthers = this.#isOthersTurn();
    if (this.#held) return !isOthers;
    const core = this.#free(0);
    const isLast = isOthers && this.#free(core + 1) === this.#cores;
    if (core === this.#cores || isLast) return this.#refuse();
    const at = (this.#core + core) % this.#cores;
    if (atomicsCompareExchange(this.#words, at, 0, this.#owner) !== 0) return this.#refuse();
    this.#core = at;
    const turn = this.#cores + NEXT;
    if (atomicsLoad(this.#words, turn) === this.#owner) atomicsStore(this.#words, turn, 0);
    return this.#held = true;
  }

  /** Releases the core, if one is held. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    atomicsStore(this.#words, this.#core, 0);
  }

  /** The distance of the next free core from the one that was held last, at least `from`; all cores if there is none. */
  #free(from: number): number {
    let i = from;
    while (i < this.#cores && atomicsLoad(this.#words, (this.#core + i) % this.#cores) !== 0) i++;
    return i < this.#cores ? i : this.#cores;
  }

  /** Another worker was refused and is about to retry. Without turns, a worker that never pauses would keep its core. */
  #isOthersTurn(): boolean {
    const next = atomicsLoad(this.#words, this.#cores + NEXT);
    return next !== 0 && next !== this.#owner && this.#isFresh();
  }

  #isFresh(): boolean {
    const ageMs = (wallMs() - atomicsLoad(this.#words, this.#cores + SINCE_MS)) | 0;
    return ageMs >= 0 && ageMs <= TURN_MS;
  }

  /** Takes the next turn, unless another worker has it. */
  #refuse(): false {
    if (!this.#isOthersTurn()) {
      atomicsStore(this.#words, this.#cores + NEXT, this.#owner);
      atomicsStore(this.#words, this.#cores + SINCE_MS, wallMs() | 0);
    }
    return false;
  }
}
