/**
 * Memory bounds for hosts whose kernel enforces none: the resident size of each executor is read at intervals. Such a
 * limit is soft: between two readings a process may take as much memory as it can write in that time.
 */

import type { Libc } from "../../../ffi/libc.ts";
import { residentBytes } from "../../../ffi/resident_memory.ts";
import type { MemoryBound, MemoryBounds } from "./memory_limit.ts";

/** Between two readings, which take 50 us each. A core writes some 100 MB of fresh memory in this interval. */
const READ_EVERY_MS = 25;

interface Watched {
  readonly pid: number;
  readonly onOver: () => void;
  limitBytes: number;
  over: boolean;
}

/** Bounds executors by their resident size. */
export class ResidentWatch implements MemoryBounds {
  readonly hard = false;
  readonly how: string;
  readonly #libc: Libc;
  readonly #watched = new Set<Watched>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param why the reason why the kernel does not enforce the bounds. */
  constructor(libc: Libc, why: string) {
    this.#libc = libc;
    this.how = `the resident size is watched every ${READ_EVERY_MS} ms: ${why}`;
  }

  // deno-lint-ignore require-await -- the interface is asynchronous; this bound is in force at once
  async bound(pid: number, onOver: () => void): Promise<MemoryBound> {
    const watched: Watched = { pid, onOver, limitBytes: Infinity, over: false };
    let released = false;
    return {
      set: (limitBytes) => {
        if (released) return; // the process ended while it received its lease
        watched.limitBytes = limitBytes;
        this.#watched.add(watched);
        this.#timer ??= setInterval(() => this.#readAll(), READ_EVERY_MS);
      },
      ranOut: () => watched.over ? "lease" : undefined,
      release: () => {
        released = true;
        this.#watched.delete(watched);
        if (this.#watched.size === 0) this.#stop();
      },
    };
  }

  // deno-lint-ignore require-await -- the interface is asynchronous
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #readAll(): void {
    for (const watched of this.#watched) {
      const bytes = residentBytes(this.#libc, watched.pid) ?? 0;
      if (bytes <= watched.limitBytes || watched.over) continue;
      watched.over = true;
      watched.onOver();
    }
  }
}
