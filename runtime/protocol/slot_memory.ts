/** The memory that a lease's slots take of the node that serves it. It is part of the memory of the lease's grants. */

import { arenaLayout } from "./wire.ts";

/** What of a lease decides it. */
export interface SlotNeeds {
  readonly workers: number;
  readonly depth: number;
  readonly maxBytes: number;
}

/** Bytes: each worker maps all of its slots, both ways, and the areas of its first messages. */
export function slotMemoryBytes({ workers, depth, maxBytes }: SlotNeeds): number {
  return workers * arenaLayout(depth, maxBytes).arenaBytes;
}

/** In words, for who has to find out where the memory went. */
export function slotMemoryText(needs: SlotNeeds): string {
  const { workers, depth, maxBytes } = needs;
  return `${slotMemoryBytes(needs)} bytes for the slots of ${workers} ${
    workers === 1 ? "worker" : "workers"
  }, depth ${depth} and maxBytes ${maxBytes}`;
}
