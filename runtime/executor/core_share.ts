/** How a spin shares its core: it yields, learns from that whether others want the core, and is told to sleep then. */

import { nowMs } from "../../ffi/intrinsics.ts";
import { SCARCE_FOR_MS, SCARCE_MS } from "../policy.ts";

export class CoreShare {
  readonly #yieldCore: () => void;
  #scarceUntilMs = 0;

  /** @param yieldCore gives the core to another thread that wants it. */
  constructor(yieldCore: () => void) {
    this.#yieldCore = yieldCore;
  }

  /** Yields, unless others have wanted the core of late: then who spins had better sleep. */
  shouldSleep(): boolean {
    const atMs = nowMs();
    if (atMs < this.#scarceUntilMs) return true;
    this.#yieldCore();
    const backMs = nowMs();
    if (backMs - atMs <= SCARCE_MS) return false;
    this.#scarceUntilMs = backMs + SCARCE_FOR_MS;
    return true;
  }

  /** Yields in any case. */
  yield(): void {
    this.#yieldCore();
  }
}
