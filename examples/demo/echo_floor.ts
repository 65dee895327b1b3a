/** The lower bound of a call's cost: two processes that exchange the same bytes over the demo's fabric. */

import { Floor } from "../../bench/floors/floor.ts";
import { VerbsFloor } from "../../bench/floors/verbs_floor.ts";

/** Exchanges bytes without any call around them. */
export interface EchoFloor extends AsyncDisposable {
  /** Writes the cycles of each round to `times`. */
  measure(times: Float64Array): Promise<void>;
}

/** @param cycles the cycle counter that also times the calls. */
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
