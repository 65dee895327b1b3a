/**
 * Notices executors that stand still: the main thread of each adds to a counter in this process for as long as it lives.
 * A process that a signal has stopped shows so in the kernel's files; any other one may only wait for a core.
 */

import { type EndReason, endReason } from "../../../runtime/protocol/end_reason.ts";

/** Between two checks. */
const CHECK_EVERY_MS = 250;
/** A process without a beat for so long is looked at: three beats. */
const LATE_MS = 750;
/** One without a beat for so long is dead, whatever its state. On a host that is short of cores a thread waits for seconds. */
const DEAD_MS = 10_000;

export interface Beating {
  /** The number of beats so far. */
  readonly beats: () => bigint;
  readonly isStopped: () => boolean;
  /** Called once, with the reason, for a process that has to be ended. */
  readonly onDead: (reason: EndReason) => void;
}

interface Watched extends Beating {
  seen: bigint;
  seenMs: number;
}

export class BeatWatch implements Disposable {
  readonly #watched = new Set<Watched>();
  readonly #nowMs: () => number;
  #timer: ReturnType<typeof setInterval> | undefined;
  #checkedMs = 0;

  /** @param nowMs a monotonic clock. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Watches a process until the returned function is called. */
  watch(beating: Beating): () => void {
    const watched = { ...beating, seen: beating.beats(), seenMs: this.#nowMs() };
    this.#watched.add(watched);
    this.#checkedMs = this.#nowMs();
    this.#timer ??= setInterval(() => this.check(), CHECK_EVERY_MS);
    return () => {
      this.#watched.delete(watched);
      if (this.#watched.size === 0) this[Symbol.dispose]();
    };
  }

  /** Looks at all of them. A timer calls it. */
  check(): void {
    const nowMs = this.#nowMs();
    // This process may have been stopped or short of cores itself: then the others get their time again.
    const wasLate = nowMs - this.#checkedMs > LATE_MS;
    this.#checkedMs = nowMs;
    for (const watched of this.#watched) {
      const beats = watched.beats();
      if (beats !== watched.seen || wasLate) {
        watched.seen = beats;
        watched.seenMs = nowMs;
        continue;
      }
      const silentMs = nowMs - watched.seenMs;
      if (silentMs <= LATE_MS) continue;
      const stopped = watched.isStopped();
      if (!stopped && silentMs <= DEAD_MS) continue;
      this.#watched.delete(watched);
      watched.onDead(
        endReason(
          "silent",
          stopped
            ? "a signal has stopped its process"
            : `its main thread has not responded for ${Math.round(silentMs)} ms`,
        ),
      );
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
