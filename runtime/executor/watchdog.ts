/** Watches the words of the workers: overrun deadlines and silence. */

import type { Libc } from "../../ffi/libc.ts";
import { OVERRUN_MS, SILENT_MS, WATCH_EVERY_MS } from "../policy.ts";
import {
  BEAT,
  IN_CALL,
  SLOT_WATCH,
  SLOT_WATCH_WORDS,
  THREAD,
  WATCH_SEQUENCE,
  WATCH_TIME_LEFT_US,
} from "./watch_words.ts";

interface Watched {
  readonly words: Int32Array;
  readonly depth: number;
  beat: number;
  beatSeenMs: number;
  /** The thread was not there at the last look. */
  gone: boolean;
  /** By slot: the sequence seen running, and when it was first seen. */
  readonly sequence: Int32Array;
  readonly sinceMs: Float64Array;
}

/** Calls `onCulprit` once, with the reason, when a worker must be ended, which only ending the process does. */
export class Watchdog implements Disposable {
  readonly #libc: Libc;
  readonly #onCulprit: (reason: string) => void;
  readonly #watched: Watched[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  /** The longest that a call may take, in microseconds: a deadline of just that is the node's limit. */
  callUs = Infinity;
  readonly #mask = new Uint8Array(128);

  constructor(libc: Libc, onCulprit: (reason: string) => void) {
    this.#libc = libc;
    this.#onCulprit = onCulprit;
    this.#timer = setInterval(() => this.#look(), WATCH_EVERY_MS);
  }

  watch(words: Int32Array, depth: number): void {
    this.#watched.push({
      words,
      depth,
      beat: 0,
      beatSeenMs: performance.now(),
      gone: false,
      sequence: new Int32Array(depth),
      sinceMs: new Float64Array(depth).fill(NaN),
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    for (const [worker, watched] of this.#watched.entries()) {
      const reason = this.#overrun(watched, nowMs) ?? this.#silent(watched, nowMs);
      if (!reason) continue;
      clearInterval(this.#timer);
      this.#onCulprit(`${reason} (worker ${worker})`);
      return;
    }
  }

  #overrun({ words, depth, sequence, sinceMs }: Watched, nowMs: number): string | undefined {
    for (let slot = 0; slot < depth; slot++) {
      const at = SLOT_WATCH + slot * SLOT_WATCH_WORDS;
      const timeLeftUs = Atomics.load(words, at + WATCH_TIME_LEFT_US) >>> 0;
      const running = Atomics.load(words, at + WATCH_SEQUENCE);
      if (timeLeftUs === 0) {
        sinceMs[slot] = NaN;
      } else if (Number.isNaN(sinceMs[slot]!) || sequence[slot] !== running) {
        sequence[slot] = running;
        sinceMs[slot] = nowMs;
      } else if (nowMs - sinceMs[slot]! > timeLeftUs / 1000 + OVERRUN_MS) {
        if (timeLeftUs === this.callUs) {
          return `limit: call: a call took more than the ${
            timeLeftUs / 1000
          } ms that this node allows`;
        }
        return `deadline: a call ran on after its ${timeLeftUs / 1000} ms`;
      }
    }
    return undefined;
  }

  #silent(watched: Watched, nowMs: number): string | undefined {
    const { words } = watched;
    const thread = Atomics.load(words, THREAD);
    if (thread === 0) return undefined; // not started yet; the start has its own time limit
    if (this.#libc.c.sched_getaffinity(thread, 128n, this.#mask) < 0) {
      // An error that ended it is told by an event, which comes before the next look and says more.
      if (watched.gone) return "silent: a worker's thread has ended";
      watched.gone = true;
      return undefined;
    }
    const beat = Atomics.load(words, BEAT);
    if (beat !== watched.beat || Atomics.load(words, IN_CALL) !== 0 || beat === 0) {
      watched.beat = beat;
      watched.beatSeenMs = nowMs;
    } else if (nowMs - watched.beatSeenMs > SILENT_MS) {
      return "silent: a worker's loop has stopped";
    }
    return undefined;
  }
}
