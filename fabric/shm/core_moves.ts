/** Moves a thread from core to core, with pauses: a move costs some 40 µs, and a peer may claim any core at any time. */

import { CoreLeaver } from "../../ffi/affinity.ts";
import { nowMs } from "../../ffi/intrinsics.ts";
import type { Libc } from "../../ffi/libc.ts";

/** Between two attempts. It doubles with each move, as long as a peer follows: another thread needs the cores too. */
const PAUSE_MS = 1;
const MAX_PAUSE_MS = 8;
/** After this long without a move the pause is the short one again. */
const CALM_MS = 16;

/** The moves of one thread, for all of its connections. */
export class CoreMoves {
  readonly #libc: Libc;
  readonly #cores: CoreLeaver;
  #pauseMs = PAUSE_MS;
  #triedMs = -Infinity;
  #movedMs = -Infinity;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#cores = new CoreLeaver(libc);
  }

  /** The number of the core on which the thread runs; -1 if it is not known. */
  get core(): number {
    return this.#libc.c.sched_getcpu();
  }

  /**
   * Moves the thread off a core, if it may run on another. Afterwards it may run where it could before.
   *
   * @returns whether it moved.
   */
  leave(core: number): boolean {
    const atMs = nowMs();
    if (atMs - this.#triedMs < this.#pauseMs) return false;
    this.#triedMs = atMs;
    if (this.#cores.count() < 2 || !this.#cores.leave(core)) return false;
    const isCalm = atMs - this.#movedMs >= CALM_MS;
    this.#pauseMs = isCalm ? PAUSE_MS : Math.min(2 * this.#pauseMs, MAX_PAUSE_MS);
    this.#movedMs = atMs;
    return true;
  }
}
