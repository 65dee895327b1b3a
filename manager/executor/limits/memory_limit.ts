/** How much memory an executor may take, and how it is bounded: by the kernel where there are control groups. */

import { arenaLayout } from "../../../runtime/protocol/wire.ts";

/**
 * What the runtime itself takes beside a lease's memory: 22 MiB for the process and 10 a worker were seen on Deno 2.9.6.
 */
const RUNTIME_BYTES = 48 * 2 ** 20;
const RUNTIME_WORKER_BYTES = 16 * 2 ** 20;

/** What of a lease decides its limit. */
export interface MemoryNeeds {
  readonly memoryBytes: number;
  readonly workers: number;
  readonly depth: number;
  readonly maxBytes: number;
}

/** The limit of the process: the lease's memory, the slots, and the runtime. */
export function memoryLimitBytes({ memoryBytes, workers, depth, maxBytes }: MemoryNeeds): number {
  const { arenaBytes } = arenaLayout(depth, maxBytes);
  return memoryBytes + RUNTIME_BYTES + workers * (RUNTIME_WORKER_BYTES + 2 * arenaBytes);
}

/** The reason that a lease's client is told. */
export function memoryReason(limitBytes: number): string {
  return `limit: memory: it took more than ${
    Math.round(limitBytes / 2 ** 20)
  } MiB, its slots and the runtime included`;
}

/** The bound of one executor. */
export interface MemoryBound {
  /** Sets the limit. */
  set(limitBytes: number): void;
  /** Once the process has ended by SIGKILL: whether that was for its memory. */
  wasOver(): boolean;
  /** The process is gone: nothing of the bound is left. */
  release(): void;
}

/** Bounds executors of a node. */
export interface MemoryBounds extends AsyncDisposable {
  /** Whether the kernel keeps the limit; else it is passed for some milliseconds before it is seen. */
  readonly hard: boolean;
  /** In a few words, how, or why not by the kernel. */
  readonly how: string;
  /**
   * Puts a process under a bound, which has no limit yet. Settles when it holds.
   *
   * @param onOver the process must be ended.
   */
  bound(pid: number, onOver: () => void): Promise<MemoryBound>;
}
