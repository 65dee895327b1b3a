/** How a spinning worker shares its core: it yields, and a yield that takes long shows that other threads need the core. */

import { nowMs } from "../../../ffi/intrinsics.ts";
import { SCARCE_FOR_MS, SCARCE_MS } from "../../policy.ts";

/** Measures the yields of one worker, and decides when its spin should end in sleep. */
export class CoreShare {
  readonly #yieldCore: () => void;
  #scarceUntilMs = 0;

  /** @param yieldCore lets another runnable thread have the core: `sched_yield`. */
  constructor(yieldCore: () => void) {
    this.#yieldCore = yieldCore;
  }

  /** Returns `true` if other threads have needed the core recently: the worker should sleep. Otherwise it yields first. */
  shouldSleep(): boolean {
    const atMs = nowMs();
    if (atMs < this.#scarceUntilMs) return true;
    this.#yieldCore();
    const backMs = nowMs();
    if (backMs - atMs <= SCARCE_MS) return false;
    this.#scarceUntilMs = backMs + SCARCE_FOR_MS;
    return true;
  }

  /** Yields unconditionally. */
  yield(): void {
    this.#yieldCore();
  }
}
