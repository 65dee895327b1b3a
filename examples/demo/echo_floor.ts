/** The least that a call can cost: two processes that pass the same bytes, by the fabric of the demo. */

import { Floor } from "../../bench/floor.ts";
import { VerbsFloor } from "../../bench/verbs_floor.ts";

/** Passes bytes back and forth with nothing around it. */
export interface EchoFloor extends AsyncDisposable {
  /** Puts the cycles of each round into `times`. */
  measure(times: Float64Array): Promise<void>;
}

/** @param cycles the cycle counter; the same one that the calls beside it are timed by. */
export async function openFloor(
  fabric: "shm" | "verbs",
  bytes: number,
  cycles: () => number,
): Promise<EchoFloor> {
  if (fabric === "shm") return await Floor.open(cycles);
  const floor = await VerbsFloor.open(cycles);
  const payload = new Uint8Array(bytes);
  return {
    measure: (times) => floor.measure(payload, times),
    [Symbol.asyncDispose]: () => floor[Symbol.asyncDispose](),
  };
}
