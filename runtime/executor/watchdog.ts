/** Reads the words of the worker, for calls that run on for too long and for a worker that stopped responding. */

import type { Libc } from "../../ffi/libc.ts";
import { threadTimeMs } from "../../ffi/process_time.ts";
import { memoryAt } from "../../ffi/thread_memory.ts";
import { type EndReason, endReason, limitReason } from "../protocol/end_reason.ts";
import {
  ANSWER_MS,
  BLOCKED_MS,
  OVERRUN_MS,
  SILENT_MS,
  STALL_MS,
  WATCH_EVERY_MS,
} from "../policy.ts";
import { timeLeftMs } from "../protocol/wire.ts";
import {
  ANSWERS,
  BEAT,
  FORGOTTEN,
  FORGOTTEN_LIMIT,
  FORGOTTEN_MS,
  IN_CALL,
  SLOT_WATCH,
  SLOT_WATCH_WORDS,
  THREAD,
  UNLIMITED,
  WATCH_SEQUENCE,
  WATCH_TIME_LEFT,
} from "./watch_words.ts";

export interface WatchdogOptions {
  readonly depth: number;
  /** The longest that a call may take, in milliseconds: a deadline of exactly this is the node's limit. */
  readonly callMs: number;
  /** How long a function may run on after its call was given up, or after its deadline if it is asynchronous. */
  readonly graceMs: number;
  /** Requests that the worker's event loop counts an answer in its words. */
  readonly requestAnswer: () => void;
  /**
   * Called once when the worker must be ended, with the reason, and with the slot of the call that caused it. Only the
   * end of the process ends a thread that spins.
   */
  readonly onCulprit: (reason: EndReason, slot?: number) => void;
}

/** What is known of the call that runs in a slot. */
interface RunningCall {
  readonly sequence: number;
  /** When it was first seen. */
  readonly sinceMs: number;
  /** When it was first seen to be given up; NaN before. */
  givenUpMs: number;
  /** When an answer of the event loop was requested, since the call is late; NaN before. */
  requestedMs: number;
  /** The number of answers then, and the processor time of the thread in milliseconds. */
  answers: number;
  usedMs: number;
}

export class Watchdog implements Disposable {
  readonly #libc: Libc;
  readonly #words: Int32Array;
  readonly #options: WatchdogOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #mask = new Uint8Array(128);
  /** When the words were read last, and for how long in all this thread did not run as it should. */
  #checkedMs = performance.now();
  #stalledMs = 0;
  #beat = 0;
  #beatSeenMs = this.#checkedMs;
  /** The thread did not exist at the last check. */
  #gone = false;
  /** By slot. */
  readonly #running: (RunningCall | undefined)[];
  #givenUp: readonly Int32Array[] = [];
  /** The number of the oldest function that runs on without a slot, and since when. */
  #forgotten = 0;
  #forgottenMs = 0;

  /** @param words the words that the worker writes. */
  constructor(libc: Libc, words: Int32Array, options: WatchdogOptions) {
    this.#libc = libc;
    this.#words = words;
    this.#options = options;
    this.#running = new Array(options.depth).fill(undefined);
    this.#timer = setInterval(() => this.#check(), WATCH_EVERY_MS);
  }

  /** @param addresses by slot, where the client writes the sequence number of a call that it gives up. */
  watchGivenUp(addresses: readonly number[]): void {
    this.#givenUp = addresses.map((address) => new Int32Array(memoryAt(address, 4)));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const atMs = performance.now();
    const sinceMs = atMs - this.#checkedMs;
    this.#checkedMs = atMs;
    if (sinceMs > STALL_MS) this.#stalledMs += sinceMs - STALL_MS;
    const nowMs = atMs - this.#stalledMs;
    for (let slot = 0; slot < this.#options.depth; slot++) {
      const reason = this.#overrun(slot, nowMs);
      if (reason) return this.#end(reason, slot);
    }
    const reason = this.#overstay(nowMs) ?? this.#silent(nowMs);
    if (reason) this.#end(reason);
  }

  #end(reason: EndReason, slot?: number): void {
    clearInterval(this.#timer);
    this.#options.onCulprit(reason, slot);
  }

  #overrun(slot: number, nowMs: number): EndReason | undefined {
    const words = this.#words;
    const at = SLOT_WATCH + slot * SLOT_WATCH_WORDS;
    const timeLeft = Atomics.load(words, at + WATCH_TIME_LEFT);
    const sequence = Atomics.load(words, at + WATCH_SEQUENCE);
    if (timeLeft === 0) {
      this.#running[slot] = undefined;
      return undefined;
    }
    const call = this.#running[slot];
    if (call?.sequence !== sequence) {
      this.#running[slot] = {
        sequence,
        sinceMs: nowMs,
        givenUpMs: NaN,
        requestedMs: NaN,
        answers: 0,
        usedMs: 0,
      };
      return undefined;
    }
    const { callMs, graceMs } = this.#options;
    const limitMs = timeLeft === UNLIMITED ? Infinity : timeLeftMs(timeLeft);
    const lateMs = nowMs - call.sinceMs - limitMs;
    if (lateMs > OVERRUN_MS && (lateMs > graceMs || this.#holdsThread(call, slot, nowMs))) {
      return lateReason(limitMs, callMs);
    }
    if (Number.isNaN(call.givenUpMs)) {
      const word = this.#givenUp[slot];
      if (word && Atomics.load(word, 0) === sequence) call.givenUpMs = nowMs;
    }
    if (!(nowMs - call.givenUpMs > graceMs)) return undefined;
    return lateMs > 0 // its client gave it up for that
      ? lateReason(limitMs, callMs)
      : abandonedReason(graceMs);
  }

  /** A function whose call was given up, and has left its slot, runs on after the grace period. */
  #overstay(nowMs: number): EndReason | undefined {
    const words = this.#words;
    const oldest = Atomics.load(words, FORGOTTEN);
    if (oldest !== this.#forgotten) {
      this.#forgotten = oldest;
      this.#forgottenMs = nowMs - Atomics.load(words, FORGOTTEN_MS);
    }
    const { callMs, graceMs } = this.#options;
    if (oldest === 0 || nowMs - this.#forgottenMs <= graceMs) return undefined;
    const limit = Atomics.load(words, FORGOTTEN_LIMIT);
    return limit === UNLIMITED ? abandonedReason(graceMs) : lateReason(timeLeftMs(limit), callMs);
  }

  /** Whether a late call keeps its thread: then its function never reads its signal. */
  #holdsThread(call: RunningCall, slot: number, nowMs: number): boolean {
    const user = Atomics.load(this.#words, IN_CALL);
    if (user !== 0) return user === slot + 1; // else another call has the thread
    const answers = Atomics.load(this.#words, ANSWERS);
    if (Number.isNaN(call.requestedMs)) {
      call.requestedMs = nowMs;
      call.answers = answers;
      call.usedMs = this.#usedMs();
      this.#options.requestAnswer();
    }
    const waitedMs = nowMs - call.requestedMs;
    return answers === call.answers && waitedMs > ANSWER_MS &&
      (waitedMs > BLOCKED_MS || this.#usedMs() - call.usedMs > ANSWER_MS);
  }

  /** The processor time of the worker's thread so far, in milliseconds. */
  #usedMs(): number {
    return threadTimeMs(this.#libc, Atomics.load(this.#words, THREAD)) ?? 0;
  }

  #silent(nowMs: number): EndReason | undefined {
    const words = this.#words;
    const thread = Atomics.load(words, THREAD);
    if (thread === 0) return undefined; // not started yet: the start has a time limit of its own
    if (this.#libc.c.sched_getaffinity(thread, 128n, this.#mask) < 0) {
      // An error that ended it arrives as an event before the next check, with more details.
      if (this.#gone) return endReason("silent", "its worker's thread has ended");
      this.#gone = true;
      return undefined;
    }
    const beat = Atomics.load(words, BEAT);
    if (beat !== this.#beat || Atomics.load(words, IN_CALL) !== 0 || beat === 0) {
      this.#beat = beat;
      this.#beatSeenMs = nowMs;
    } else if (nowMs - this.#beatSeenMs > SILENT_MS) {
      return endReason("silent", "its worker's loop has stopped");
    }
    return undefined;
  }
}

/** Why a call that ran on after it was given up ends the executor. */
function abandonedReason(graceMs: number): EndReason {
  return endReason("abandoned", `a call ran on for ${graceMs} ms after its client gave it up`);
}

/** Why a call that ran on after its time ends the executor. */
function lateReason(limitMs: number, callMs: number): EndReason {
  return limitMs === callMs
    ? limitReason("call", `a call took more than the ${limitMs} ms that this node allows`)
    : endReason("deadline", `a call ran on after its ${Math.round(limitMs)} ms`);
}
