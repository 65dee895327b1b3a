/** Contenders that are no Deno programs, and so measure by themselves. */

import type { Child } from "../child.ts";
import type { Contender } from "../contender.ts";

/**
 * Asks for "BYTES ROUNDS" by a line; the answer is a line with the time of each round.
 *
 * @param cyclesEach cycles in one of its units of time.
 */
export function measuredBy(child: Child, cyclesEach: number): Contender["measure"] {
  return async (payload, times) => {
    const line = await child.ask(`${payload.length} ${times.length}`);
    const measured = line.split(" ");
    if (measured.length !== times.length) {
      throw new Error(`Cannot read times: ${measured.length} of ${times.length} came`);
    }
    for (let i = 0; i < times.length; i++) times[i] = Number(measured[i]) * cyclesEach;
  };
}
