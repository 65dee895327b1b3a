/**
 * The state of a lease as its keeper knows it, in memory shared with the thread that calls: a loop of synchronous calls
 * hears no message, but it can look at a word.
 */

/** 0 while the lease lives, else {@linkcode OVER} or {@linkcode NODE_GONE}. */
const STATE = 0;
/** The highest generation of executors that is known to have ended. */
const LOST_GENERATION = 1;
/** Bytes of the reason, which is written before either word. */
const REASON_LENGTH = 2;
/** Raised with each change, to wait for. */
const CHANGES = 3;
const REASON_AT = 16;
const MAX_REASON_BYTES = 496;

const LIVE = 0;
export const OVER = 1;
export const NODE_GONE = 2;

/** What is known of a loss. */
export type Verdict =
  | { readonly kind: "over" | "node" | "executor"; readonly reason: string }
  | undefined;

export class LeaseWords {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #reason: Uint8Array;

  constructor(shared = new SharedArrayBuffer(REASON_AT + MAX_REASON_BYTES)) {
    this.shared = shared;
    this.#words = new Int32Array(shared, 0, 4);
    this.#reason = new Uint8Array(shared, REASON_AT);
  }

  /** Keeper: an executor has ended. */
  executorEnded(generation: number, reason: string): void {
    if (Atomics.load(this.#words, LOST_GENERATION) >= generation) return;
    this.#write(LOST_GENERATION, generation, reason);
  }

  /** Keeper: the lease is over ({@linkcode OVER}), or its node can't be reached ({@linkcode NODE_GONE}). */
  ended(state: number, reason: string): void {
    if (this.live) this.#write(STATE, state, reason);
  }

  get live(): boolean {
    return Atomics.load(this.#words, STATE) === LIVE;
  }

  /** What is known of the end of this generation's executor; `undefined` while nothing is. */
  verdict(generation: number): Verdict {
    const state = Atomics.load(this.#words, STATE);
    if (state === LIVE && Atomics.load(this.#words, LOST_GENERATION) < generation) return undefined;
    const length = Atomics.load(this.#words, REASON_LENGTH);
    const reason = new TextDecoder().decode(this.#reason.slice(0, length));
    return { kind: state === OVER ? "over" : state === NODE_GONE ? "node" : "executor", reason };
  }

  /** Blocks until something is known or time is up. */
  verdictSync(generation: number, timeoutMs: number): Verdict {
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      const changes = Atomics.load(this.#words, CHANGES);
      const verdict = this.verdict(generation);
      const leftMs = untilMs - performance.now();
      if (verdict || leftMs <= 0) return verdict;
      Atomics.wait(this.#words, CHANGES, changes, leftMs);
    }
  }

  #write(word: number, value: number, reason: string): void {
    const { written } = new TextEncoder().encodeInto(reason, this.#reason);
    Atomics.store(this.#words, REASON_LENGTH, written);
    Atomics.store(this.#words, word, value);
    Atomics.add(this.#words, CHANGES, 1);
    Atomics.notify(this.#words, CHANGES);
  }
}
