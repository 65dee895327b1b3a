/** Moves a thread from core to core, with pauses: a move costs some 40 µs, and a peer may claim any core at any time. */

import { CoreLeaver } from "../../ffi/affinity.ts";
import { nowMs } from "../../ffi/intrinsics.ts";
import type { Libc } from "../../ffi/libc.ts";

/** Between two attempts. It doubles with each move, as long as the peer is there again: other threads need the cores too. */
const PAUSE_MS = 1;
const MAX_PAUSE_MS = 8;
/**
 * The longest pause after a move from one peer to another one. Then every core may have a peer, and a move gains nothing: a
 * client of eight workers on two cores had 16 and 37 % fewer calls of 5 µs with pauses of 8 ms than without moves.
 */
const MAX_CROWDED_PAUSE_MS = 64;
/** After so many pauses without a move the pause is the short one again. */
const CALM_PAUSES = 4;

/** The moves of one thread, for all of its connections. */
export class CoreMoves {
  readonly #libc: Libc;
  readonly #cores: CoreLeaver;
  readonly #now: () => number;
  #pauseMs = PAUSE_MS;
  #triedMs = -Infinity;
  #movedMs = -Infinity;
  /** The peer from which it moved last. */
  #peer: unknown;

  /** @param now the clock, in milliseconds. */
  constructor(libc: Libc, now: () => number = nowMs) {
    this.#libc = libc;
    this.#now = now;
    this.#cores = new CoreLeaver(libc);
  }

  /** The number of the core on which the thread runs; -1 if it is not known. */
  get core(): number {
    return this.#libc.c.sched_getcpu();
  }

  /**
   * Moves the thread off a core, if it may run on another. Afterwards it may run where it could before.
   *
   * @param peer stands for the peer on that core.
   * @returns whether it moved.
   */
  leave(core: number, peer: unknown): boolean {
    const atMs = this.#now();
    if (atMs - this.#triedMs < this.#pauseMs) return false;
    this.#triedMs = atMs;
    if (this.#cores.count() < 2 || !this.#cores.leave(core)) return false;
    const isCalm = atMs - this.#movedMs >= CALM_PAUSES * this.#pauseMs;
    const maxMs = peer === this.#peer ? MAX_PAUSE_MS : MAX_CROWDED_PAUSE_MS;
    this.#pauseMs = isCalm ? PAUSE_MS : Math.min(2 * this.#pauseMs, maxMs);
    this.#movedMs = atMs;
    this.#peer = peer;
    return true;
  }
}
