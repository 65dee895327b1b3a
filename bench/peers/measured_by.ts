/** Contenders outside of Deno, which measure their own times. */

import type { Child } from "../child.ts";
import type { Contender } from "../contender.ts";

/**
 * Sends a line "BYTES ROUNDS". The response is a line with the time of each round.
 *
 * @param cyclesEach Cycles per unit of these times.
 */
export function measuredBy(child: Child, cyclesEach: number): Contender["measure"] {
  return async (payload, times) => {
    const line = await child.request(`${payload.length} ${times.length}`);
    const measured = line.split(" ");
    if (measured.length !== times.length) {
      throw new Error(`Cannot read times: ${measured.length} instead of ${times.length}`);
    }
    for (let i = 0; i < times.length; i++) times[i] = Number(measured[i]) * cyclesEach;
  };
}
