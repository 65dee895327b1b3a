/**
 * Memory bounds where the kernel keeps none: the resident size of each executor is looked at again and again. Such a
 * limit is soft: between two looks a process may take as much as it can write in that time.
 */

import type { Libc } from "../../../ffi/libc.ts";
import { residentBytes } from "../../../ffi/resident_memory.ts";
import type { MemoryBound, MemoryBounds } from "./memory_limit.ts";

/** Between two looks: 50 us each, and a core writes some 100 MB of fresh memory in that time. */
const LOOK_EVERY_MS = 25;

interface Watched {
  readonly pid: number;
  readonly onOver: () => void;
  limitBytes: number;
  over: boolean;
}

export class ResidentWatch implements MemoryBounds {
  readonly hard = false;
  readonly how: string;
  readonly #libc: Libc;
  readonly #watched = new Set<Watched>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param why the kernel does not do it. */
  constructor(libc: Libc, why: string) {
    this.#libc = libc;
    this.how = `the resident size is watched every ${LOOK_EVERY_MS} ms: ${why}`;
  }

  // deno-lint-ignore require-await -- the contract is asynchronous; nothing has to be waited for here
  async bound(pid: number, onOver: () => void): Promise<MemoryBound> {
    const watched: Watched = { pid, onOver, limitBytes: Infinity, over: false };
    let released = false;
    return {
      set: (limitBytes) => {
        if (released) return; // it ended as it got its lease
        watched.limitBytes = limitBytes;
        this.#watched.add(watched);
        this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
      },
      wasOver: () => watched.over,
      release: () => {
        released = true;
        this.#watched.delete(watched);
        if (this.#watched.size === 0) this.#rest();
      },
    };
  }

  // deno-lint-ignore require-await -- likewise
  async [Symbol.asyncDispose](): Promise<void> {
    this.#rest();
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const watched of this.#watched) {
      const bytes = residentBytes(this.#libc, watched.pid) ?? 0;
      if (bytes <= watched.limitBytes || watched.over) continue;
      watched.over = true;
      watched.onOver();
    }
  }
}
