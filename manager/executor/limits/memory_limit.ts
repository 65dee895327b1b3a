/** The memory limit of an executor, and the interface of what enforces it. */

import { type EndReason, endReason, limitReason } from "../../../runtime/protocol/end_reason.ts";
import { arenaLayout } from "../../../runtime/protocol/wire.ts";

/** The runtime's own memory, beside that of the functions. Deno 2.9.6 takes 22 MiB for the process and 10 MiB for its worker. */
const RUNTIME_BYTES = 64 * 2 ** 20;

/** The terms of a lease that decide the memory limit of each of its executors. */
export interface MemoryNeeds {
  /** The memory of one worker's functions. */
  readonly memoryBytes: number;
  readonly depth: number;
  readonly maxBytes: number;
}

/** Returns the limit of an executor's process: the memory of its worker's functions, the slots, and the runtime. */
export function memoryLimitBytes({ memoryBytes, depth, maxBytes }: MemoryNeeds): number {
  return memoryBytes + RUNTIME_BYTES + 2 * arenaLayout(depth, maxBytes).arenaBytes;
}

/** Why an executor ended that exceeded its limit. */
export function memoryReason(limitBytes: number): EndReason {
  const limitMiB = Math.round(limitBytes / 2 ** 20);
  return limitReason(
    "memory",
    `it took more than ${limitMiB} MiB, its slots and the runtime included`,
  );
}

/** Why an executor ended that was below its limit. */
export function hostMemoryReason(): EndReason {
  return endReason("killed", "the node's host or container has no memory left");
}

/** The bound of one executor. */
export interface MemoryBound {
  /** Sets the limit. */
  set(limitBytes: number): void;
  /** Returns what ran out of memory when the process was ended by SIGKILL: the lease, or the host or container. */
  ranOut(): "lease" | "host" | undefined;
  /** Removes the bound after the process has ended. */
  release(): void;
}

/** Bounds the executors of a node. */
export interface MemoryBounds extends AsyncDisposable {
  /** Whether the kernel enforces the limit. If not, a process can exceed it for some milliseconds. */
  readonly hard: boolean;
  /** How executors are bounded, and why not by the kernel, in a few words for the log. */
  readonly how: string;
  /**
   * Puts a process under a bound without a limit. Settles when the bound is in force.
   *
   * @param onOver called when the process exceeds its limit and has to be ended.
   */
  bound(pid: number, onOver: () => void): Promise<MemoryBound>;
}
