/** A word of shared memory for each core of the node, where it leases more workers than cores: a worker takes one to run a call. */

import type { Libc } from "../../../ffi/libc.ts";
import { MappedMemory, wholePages } from "../../../ffi/mapped_memory.ts";
import { createSharedMemory } from "../../../ffi/shared_memory.ts";
import { type CoreWords, MORE_WORDS, NEXT } from "../../../runtime/executor/core_token.ts";

/** Numbers of executors start at 1 again after this many. */
const MAX_EXECUTORS = 2 ** 31 - 1;

/**
 * How many workers a node leases.
 *
 * @throws {RangeError} if the factor is not 1 to 64.
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

  /** The path of the words outside of any sandbox, for processes of this user. */
  get path(): string {
    return `/proc/${Deno.pid}/fd/${this.#fd}`;
  }

  /** The words of a new executor. @param path where it opens them. */
  issue(path = this.path): CoreWords {
    this.#lastExecutor = this.#lastExecutor % MAX_EXECUTORS + 1;
    return {
      path,
      bytes: this.#bytes,
      cores: this.#cores,
      owner: this.#lastExecutor,
    };
  }

  /** An executor has ended: releases the core and the turn of its worker. */
  free({ owner }: CoreWords): void {
    for (let core = 0; this.#open && core <= this.#cores + NEXT; core++) {
      const holder = Atomics.load(this.#words, core);
      if (holder !== owner) continue;
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
