/**
 * The state of a part of a lease, in memory that the keeper shares with the calling thread: a loop of synchronous calls
 * receives no message, but it can read a word. A block of words for the part comes first, then one for each worker.
 */

import { type EndReason, endReasonNumber, endReasonOf } from "../protocol/end_reason.ts";
import type { ExecutorLost } from "../protocol/node_protocol.ts";

/** In the part's block: 0 while the lease lives, else {@linkcode OVER} or {@linkcode NODE_GONE}. */
const STATE = 0;
/** In a worker's block: the highest generation of its executors that has ended. */
const LOST_GENERATION = 0;
/** The reason's code, and the bytes of its message: both are written before the word above. */
const REASON_CODE = 1;
const MESSAGE_LENGTH = 2;
/** In the part's block: incremented with each change, for waiting threads. */
const CHANGES = 3;
/** In a worker's block: the slot of the call that caused the end, plus 1; 0 if that is not known. */
const SLOT = 3;
const WORDS = 4;
const BLOCK_BYTES = 512;
const MAX_MESSAGE_BYTES = BLOCK_BYTES - WORDS * 4;

const LIVE = 0;
export const OVER = 1;
export const NODE_GONE = 2;

/** Why a session was lost; `undefined` while that is not known. */
export type Verdict =
  | { readonly kind: "over" | "node"; readonly reason: EndReason }
  | {
    readonly kind: "executor";
    readonly reason: EndReason;
    /** The slot of the call that caused the end, where that is known. */
    readonly slot?: number;
  }
  | undefined;

interface Block {
  readonly words: Int32Array;
  readonly message: Uint8Array;
}

export class LeaseWords {
  readonly shared: SharedArrayBuffer;
  readonly #part: Block;
  /** By worker index. */
  readonly #workers: ReadonlyMap<number, Block>;

  /** @param workerIndexes the worker indexes of the part's workers, in their order. */
  constructor(
    workerIndexes: readonly number[],
    shared = new SharedArrayBuffer((1 + workerIndexes.length) * BLOCK_BYTES),
  ) {
    this.shared = shared;
    const block = (at: number): Block => ({
      words: new Int32Array(shared, at * BLOCK_BYTES, WORDS),
      message: new Uint8Array(shared, at * BLOCK_BYTES + WORDS * 4, MAX_MESSAGE_BYTES),
    });
    this.#part = block(0);
    this.#workers = new Map(workerIndexes.map((index, at) => [index, block(1 + at)]));
  }

  /** Called by the keeper when an executor has ended. */
  executorEnded({ worker, generation, reason, slot = -1 }: ExecutorLost): void {
    const block = this.#workers.get(worker)!;
    if (Atomics.load(block.words, LOST_GENERATION) >= generation) return;
    Atomics.store(block.words, SLOT, slot + 1);
    this.#write(block, LOST_GENERATION, generation, reason);
  }

  /** Called by the keeper when the part is over ({@linkcode OVER}) or its node is lost ({@linkcode NODE_GONE}). */
  ended(state: number, reason: EndReason): void {
    if (this.live) this.#write(this.#part, STATE, state, reason);
  }

  get live(): boolean {
    return Atomics.load(this.#part.words, STATE) === LIVE;
  }

  /** Why the executor of this worker and generation ended; `undefined` while that is not known. */
  verdict(worker: number, generation: number): Verdict {
    const over = this.partVerdict;
    if (over) return over;
    const block = this.#workers.get(worker)!;
    if (Atomics.load(block.words, LOST_GENERATION) < generation) return undefined;
    const slot = Atomics.load(block.words, SLOT) - 1;
    return { kind: "executor", reason: reasonOf(block), ...(slot < 0 ? {} : { slot }) };
  }

  /** Why the part is over, or its node is lost; `undefined` while it lives. */
  get partVerdict(): Verdict {
    const state = Atomics.load(this.#part.words, STATE);
    if (state === LIVE) return undefined;
    return { kind: state === OVER ? "over" : "node", reason: reasonOf(this.#part) };
  }

  /** Blocks until the reason is known, or for `timeoutMs`. */
  verdictSync(worker: number, generation: number, timeoutMs: number): Verdict {
    const { words } = this.#part;
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      const changes = Atomics.load(words, CHANGES);
      const verdict = this.verdict(worker, generation);
      const leftMs = untilMs - performance.now();
      if (verdict || leftMs <= 0) return verdict;
      Atomics.wait(words, CHANGES, changes, leftMs);
    }
  }

  #write({ words, message }: Block, word: number, value: number, reason: EndReason): void {
    const { written } = new TextEncoder().encodeInto(reason.message, message);
    Atomics.store(words, REASON_CODE, endReasonNumber(reason));
    Atomics.store(words, MESSAGE_LENGTH, written);
    Atomics.store(words, word, value);
    Atomics.add(this.#part.words, CHANGES, 1);
    Atomics.notify(this.#part.words, CHANGES);
  }
}

function reasonOf({ words, message }: Block): EndReason {
  const text = new TextDecoder().decode(message.slice(0, Atomics.load(words, MESSAGE_LENGTH)));
  return endReasonOf(Atomics.load(words, REASON_CODE), text);
}
