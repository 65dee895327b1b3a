/**
 * Bounds the threads of each executor, which the host's kernel has a fixed number of. Memory bounds them as well: a
 * `Worker` takes some 10 MiB. So a watch is enough, which works on every host.
 */

import { readKernelFile } from "../../../ffi/kernel_file.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { type EndReason, limitReason } from "../../../runtime/protocol/end_reason.ts";
import { WatchedSet } from "./watched_set.ts";

/** Between two readings, which take some 20 us each. */
const READ_EVERY_MS = 500;
/** Twice what Deno itself starts at most: its pool for blocking work has up to 512. */
export const MAX_THREADS = 1024;

interface Watched {
  readonly pid: number;
  readonly onOver: (reason: EndReason) => void;
}

export class ThreadWatch implements Disposable {
  readonly #libc: Libc;
  readonly #max: number;
  readonly #watched = new WatchedSet<Watched>(READ_EVERY_MS, (watched) => this.#read(watched));

  /** @param max the most threads of a process. */
  constructor(libc: Libc, max: number = MAX_THREADS) {
    this.#libc = libc;
    this.#max = max;
  }

  /**
   * Watches a process until the returned function is called.
   *
   * @param onOver called once with the reason when it has to be ended.
   */
  watch(pid: number, onOver: (reason: EndReason) => void): () => void {
    const watched = { pid, onOver };
    this.#watched.add(watched);
    return () => this.#watched.delete(watched);
  }

  [Symbol.dispose](): void {
    this.#watched[Symbol.dispose]();
  }

  #read(watched: Watched): void {
    const threads = this.#threads(watched.pid);
    if (threads <= this.#max) return;
    this.#watched.delete(watched);
    watched.onOver(limitReason("threads", `it had ${threads} threads, ${this.#max} are allowed`));
  }

  /** The number of threads of a process (`man 5 proc_pid_status`); 0 if it has ended. */
  #threads(pid: number): number {
    try {
      const status = readKernelFile(this.#libc, `/proc/${pid}/status`);
      return Number(/^Threads:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
    } catch {
      return 0;
    }
  }
}
