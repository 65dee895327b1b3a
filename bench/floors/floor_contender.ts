/** Two spinning processes in TypeScript, as a contender. */

import type { Contender } from "../contender.ts";
import { Floor } from "./floor.ts";

export async function floorContender(cycles: () => number, maxBytes: number): Promise<Contender> {
  const floor = await Floor.open(cycles, maxBytes);
  return {
    path: "ping-pong in TypeScript",
    measure: (payload, times) => floor.measure(times, payload),
    [Symbol.asyncDispose]: () => floor.close(),
  };
}
