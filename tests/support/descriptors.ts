/** The descriptors and mappings of this process, to detect leaks. */

import { limitMs } from "./time_factor.ts";

/** The number of open descriptors. */
export function countDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

/** The number of mappings of this project's shared memory. */
export function countMappings(): number {
  return Deno.readTextFileSync("/proc/self/maps").split("\n")
    .filter((line) => line.includes("rfaas-")).length;
}

/** Waits on the event loop until `holds()`, for five seconds on a usual host; `state` describes a failure. */
export async function eventually(holds: () => boolean, state: () => string): Promise<void> {
  const untilMs = performance.now() + limitMs(5000);
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(`Cannot wait longer: ${state()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
