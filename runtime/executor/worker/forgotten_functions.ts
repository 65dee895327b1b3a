/**
 * The functions that run on after their calls were given up, without the slots of these calls. They settle in peace, and
 * what they settle to is dropped. The words of the oldest show the watchdog when one of them takes too long.
 */

import { nowMs } from "../../../ffi/intrinsics.ts";
import { MAX_FORGOTTEN } from "../../policy.ts";
import { FORGOTTEN, FORGOTTEN_LIMIT, FORGOTTEN_MS } from "../watch_words.ts";

/** What becomes of the result of a function that has not settled. */
export const RunState = {
  /** Its call waits for it. */
  AWAITED: 0,
  /** Its call was given up; the worker still waits until it settles. */
  FORGOTTEN: 1,
  /** Its call has ended, and the worker does not wait for it. */
  DROPPED: 2,
} as const;

/** A function that has not settled, or a step of a stream. */
export class FunctionRun {
  state: number = RunState.AWAITED;
  /** When it was first seen to run; -1 before. */
  seenMs = -1;
  /** When its call was given up. */
  forgottenMs = -1;
  /** The time limit of its call, as in {@linkcode FORGOTTEN_LIMIT}. */
  limit = 0;
  older: FunctionRun | undefined = undefined;
  newer: FunctionRun | undefined = undefined;
}

/** The forgotten functions of one worker, the oldest first. */
export class ForgottenFunctions {
  readonly #words: Int32Array;
  #count = 0;
  #newest: FunctionRun | undefined;
  /** The last number in {@linkcode FORGOTTEN}. */
  #number = 0;

  /** @param words the words of watch_words.ts. */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Adds a function. Returns `false` if there are {@linkcode MAX_FORGOTTEN} already: then its call keeps its slot. */
  add(run: FunctionRun, limit: number, atMs: number): boolean {
    if (this.#count === MAX_FORGOTTEN) return false;
    this.#count++;
    run.state = RunState.FORGOTTEN;
    run.limit = limit;
    run.forgottenMs = atMs;
    run.older = this.#newest;
    if (this.#newest) this.#newest.newer = run;
    else this.#show(run, atMs);
    this.#newest = run;
    return true;
  }

  /** A function has settled. */
  remove(run: FunctionRun): void {
    this.#count--;
    const { older, newer } = run;
    if (older) older.newer = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    if (!older) this.#show(newer, nowMs());
  }

  /** Shows another oldest function in the words. */
  #show(oldest: FunctionRun | undefined, atMs: number): void {
    const words = this.#words;
    if (!oldest) {
      words[FORGOTTEN] = 0;
      return;
    }
    words[FORGOTTEN_LIMIT] = oldest.limit;
    words[FORGOTTEN_MS] = atMs - oldest.forgottenMs;
    this.#number = (this.#number + 1) & 0x7fffffff || 1;
    words[FORGOTTEN] = this.#number;
  }
}
