/** The node's cores as words that its workers take before they run a call, where more workers are leased than cores. */

import type { Libc } from "../../ffi/libc.ts";
import { MappedMemory, wholePages } from "../../ffi/mapped_memory.ts";
import { createSharedMemory } from "../../ffi/shared_memory.ts";
import {
  type CoreWords,
  MORE_WORDS,
  NEXT,
  WORKER_BITS,
} from "../../runtime/executor/core_token.ts";

/** Executors are numbered from 1 and over again after so many. */
const MAX_EXECUTORS = 2 ** (31 - WORKER_BITS) - 1;

/**
 * How many workers a node leases.
 *
 * @throws {RangeError} if the factor makes no sense.
 */
export function leasableWorkers(cores: number, factor: number): number {
  if (!(factor >= 1 && factor <= 64)) {
    throw new RangeError(`Cannot oversubscribe cores: the factor must be 1 to 64, not ${factor}`);
  }
  return Math.floor(cores * factor);
}

export class CoreTokens implements Disposable {
  readonly #libc: Libc;
  readonly #cores: number;
  readonly #bytes: number;
  readonly #fd: number;
  readonly #memory: MappedMemory;
  readonly #words: Int32Array;
  #lastExecutor = 0;
  #open = true;

  constructor(libc: Libc, cores: number) {
    this.#libc = libc;
    this.#cores = cores;
    this.#bytes = wholePages((cores + MORE_WORDS) * 4);
    const folder = `/dev/shm/rfaas-${libc.c.getuid()}`;
    this.#fd = createSharedMemory(libc, "rfaas-cores", this.#bytes, { folder });
    try {
      this.#memory = MappedMemory.map(libc, this.#fd, this.#bytes);
    } catch (error) {
      libc.c.close(this.#fd);
      throw error;
    }
    this.#words = new Int32Array(this.#memory.buffer(0, this.#bytes));
  }

  /** Where the words can be opened outside of any sandbox, by processes of this user. */
  get path(): string {
    return `/proc/${Deno.pid}/fd/${this.#fd}`;
  }

  /** What a new executor is told. @param path where it finds the words. */
  issue(path = this.path): CoreWords {
    this.#lastExecutor = this.#lastExecutor % MAX_EXECUTORS + 1;
    return {
      path,
      bytes: this.#bytes,
      cores: this.#cores,
      owner: this.#lastExecutor << WORKER_BITS,
    };
  }

  /** An executor has ended: what its workers held is free, and their turn is over. */
  free({ owner }: CoreWords): void {
    for (let core = 0; this.#open && core <= this.#cores + NEXT; core++) {
      const holder = Atomics.load(this.#words, core);
      if (holder >>> WORKER_BITS !== owner >>> WORKER_BITS) continue;
      Atomics.compareExchange(this.#words, core, holder, 0);
    }
  }

  /** May be called twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#memory.close();
    this.#libc.c.close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
