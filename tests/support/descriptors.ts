/** What this process holds: descriptors and mappings, to show that nothing is left behind. */

import { limitMs } from "./time_factor.ts";

/** Open descriptors. */
export function countDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

/** Mappings of shared memory of this project. */
export function countMappings(): number {
  return Deno.readTextFileSync("/proc/self/maps").split("\n")
    .filter((line) => line.includes("rfaas-")).length;
}

/** Lets the event loop turn until `holds()`, for five seconds at most on a usual host. */
export async function eventually(holds: () => boolean, what: () => string): Promise<void> {
  const untilMs = performance.now() + limitMs(5000);
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(`Cannot go on: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
