/** Whether both ends of a connection can only take turns on one core: each publishes the only core that it may use. */

import { allowedCores } from "../../ffi/affinity.ts";
import type { Libc } from "../../ffi/libc.ts";
import type { MappedMemory } from "../../ffi/mapped_memory.ts";
import { LONE_CORE_INDEX } from "./layout.ts";

/** Publishes the only core of the calling thread in its control block, if it may run on no other. */
export function publishLoneCore(libc: Libc, control: MappedMemory): void {
  let cores: readonly number[] = [];
  try {
    cores = allowedCores(libc);
  } catch { /* a host of more cores than the mask has: not a lone one */ }
  wordOf(control)[0] = cores.length === 1 ? cores[0]! + 1 : 0;
}

/** Whether both control blocks name the same core. The peer may have written anything. */
export function sharesCore(mine: MappedMemory, theirs: MappedMemory): boolean {
  const core = wordOf(mine)[0]!;
  return core !== 0 && core === wordOf(theirs)[0];
}

function wordOf(control: MappedMemory): Int32Array {
  return new Int32Array(control.buffer(4 * LONE_CORE_INDEX, 4));
}
