/** The memory of a lease's slots on the node that serves it. It is part of the memory of the lease's grants. */

import { arenaLayout } from "./wire.ts";

/** The terms of a lease that decide it. */
export interface SlotNeeds {
  readonly workers: number;
  readonly depth: number;
  readonly maxBytes: number;
}

/** In bytes: each worker maps its slots in both directions, and the areas of its first messages. */
export function slotMemoryBytes({ workers, depth, maxBytes }: SlotNeeds): number {
  return workers * arenaLayout(depth, maxBytes).arenaBytes;
}

/** As a text that explains the memory in an error. */
export function slotMemoryText(needs: SlotNeeds): string {
  const { workers, depth, maxBytes } = needs;
  return `${slotMemoryBytes(needs)} bytes for the slots of ${workers} ${
    workers === 1 ? "worker" : "workers"
  }, depth ${depth} and maxBytes ${maxBytes}`;
}
