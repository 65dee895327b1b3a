/**
 * Moves a thread off the core of its peer. The kernel often wakes a thread on its waker's core. There the two take turns
 * for as long as they exchange messages, 0.2 ms and more each: a thread that polls has used up its share of the core when
 * its message comes, and a yield gives it nothing.
 *
 * The thread moves whether or not another core is idle. Beside a third thread it has a part of a core, and calls in that
 * part are fast: with one busy core of two, 50 phases of 30 ms had 8,000 to 28,000 calls where it stayed, 740,000 to
 * 910,000 where it moved (Intel Xeon).
 */

import type { MappedMemory } from "../../ffi/mapped_memory.ts";
import type { CoreMoves } from "./core_moves.ts";
import { CORE_INDEX } from "./layout.ts";

/** The core of one end, and how it leaves that of the other. */
export class PeerCore {
  readonly #moves: CoreMoves;
  readonly #mine: Int32Array;
  readonly #theirs: Int32Array;

  constructor(moves: CoreMoves, mine: MappedMemory, theirs: MappedMemory) {
    this.#moves = moves;
    this.#mine = new Int32Array(mine.buffer(4 * CORE_INDEX, 4));
    this.#theirs = new Int32Array(theirs.buffer(4 * CORE_INDEX, 4));
  }

  /** Publishes the core of the calling thread. */
  publish(): void {
    const core = this.#moves.core + 1;
    if (this.#mine[0] !== core) this.#mine[0] = core; // a store that changes nothing would take the line from the peer
  }

  /**
   * Moves the calling thread if the peer was on the same core when it published it. The peer may have written anything:
   * the pauses of {@linkcode CoreMoves} bound what that costs.
   *
   * @returns whether it moved.
   */
  leave(): boolean {
    const { core } = this.#moves;
    return core >= 0 && this.#theirs[0] === core + 1 && this.#moves.leave(core, this);
  }
}
