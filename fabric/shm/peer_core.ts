/**
 * Moves a thread off the core of its peer. The kernel often wakes a thread on its waker's core. There the two take turns
 * for as long as they exchange messages, 0.1 ms and more each, though another core may be idle.
 */

import { CoreLeaver } from "../../ffi/affinity.ts";
import { nowMs } from "../../ffi/intrinsics.ts";
import type { Libc } from "../../ffi/libc.ts";
import type { MappedMemory } from "../../ffi/mapped_memory.ts";
import { RunnableThreads } from "../../ffi/runnable_threads.ts";
import { CORE_INDEX } from "./layout.ts";

/** Between two attempts, each of which takes some 20 µs. The pause doubles with each move, for a peer that follows. */
const PAUSE_MS = 1;
const MAX_PAUSE_MS = 64;
/** After this long without a move the pause is the short one again. */
const CALM_MS = 1000;

/** The core of one end, and how it leaves that of the other. */
export class PeerCore {
  readonly #libc: Libc;
  readonly #mine: Int32Array;
  readonly #theirs: Int32Array;
  readonly #runnable: Pick<RunnableThreads, "count">;
  readonly #cores: CoreLeaver;
  #pauseMs = PAUSE_MS;
  #triedMs = 0;
  #movedMs = 0;

  /** @param runnable Returns the number of threads that run or wait for a core. */
  constructor(
    libc: Libc,
    mine: MappedMemory,
    theirs: MappedMemory,
    runnable: Pick<RunnableThreads, "count"> = new RunnableThreads(libc),
  ) {
    this.#libc = libc;
    this.#mine = new Int32Array(mine.buffer(4 * CORE_INDEX, 4));
    this.#theirs = new Int32Array(theirs.buffer(4 * CORE_INDEX, 4));
    this.#runnable = runnable;
    this.#cores = new CoreLeaver(libc);
  }

  /** Publishes the core of the calling thread. */
  publish(): void {
    const core = this.#libc.c.sched_getcpu() + 1;
    if (this.#mine[0] !== core) this.#mine[0] = core; // a store that changes nothing would take the line from the peer
  }

  /**
   * Moves the calling thread if the peer was on the same core when it published it, and another allowed one must be idle:
   * two of the runnable threads are on this core, so one is if they are no more than the allowed cores. Afterwards the
   * thread may run where it could before. The peer may have written anything: the pauses bound what that costs.
   *
   * @returns whether it moved.
   */
  leave(): boolean {
    const core = this.#libc.c.sched_getcpu();
    if (core < 0 || this.#theirs[0] !== core + 1) return false;
    const atMs = nowMs();
    if (atMs - this.#triedMs < this.#pauseMs) return false;
    this.#triedMs = atMs;
    const cores = this.#cores.count();
    if (cores < 2 || this.#runnable.count() > cores || !this.#cores.leave(core)) return false;
    const isCalm = atMs - this.#movedMs >= CALM_MS;
    this.#pauseMs = isCalm ? PAUSE_MS : Math.min(2 * this.#pauseMs, MAX_PAUSE_MS);
    this.#movedMs = atMs;
    return true;
  }
}
