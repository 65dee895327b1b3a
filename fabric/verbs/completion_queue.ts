/** The completion queue of a connection, polled in batches. Completed sends free entries of the send queue. */

import { WC } from "../../ffi/verbs/layout.ts";
import type { CompletionQueue as Handle } from "../../ffi/verbs/handles.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";
import { FabricError } from "../errors.ts";
import { Status } from "../status.ts";
import { RECEIVE, REPORTED } from "./request_words.ts";
import { BATCH, type WorkMemory } from "./work_memory.ts";

const WC_WORDS = WC.bytes / 4;
/** Indexes of the fields of struct ibv_wc, in words of 32 bits. */
export const WC_ID = WC.wr_id / 4;
export const WC_ID_HIGH = WC_ID + 1;
export const WC_STATUS = WC.status / 4;
export const WC_OPCODE = WC.opcode / 4;
export const WC_BYTES = WC.byte_len / 4;
export const WC_IMMEDIATE = WC.imm_data / 4;

/** Polls the device and keeps the order of completions. */
export class CompletionQueue {
  /** The completions; {@linkcode CompletionQueue.take} returns the index at which one begins. */
  readonly words: Uint32Array;
  readonly #pollCq: Verbs["inline"]["poll_cq"];
  readonly #handle: Handle;
  readonly #memory: WorkMemory;
  readonly #retire: (idHigh: number) => void;
  #next = 0;
  #count = 0;
  /** Completions that {@linkcode CompletionQueue.gather} took from the device; they come after the batch. */
  #gathered: Uint32Array[] = [];
  #gatheredTaken = 0;

  /** @param retire is called with the upper half of a send's wr_id as soon as the send is known to be done. */
  constructor(
    verbs: Verbs,
    handle: Handle,
    memory: WorkMemory,
    retire: (idHigh: number) => void,
  ) {
    this.#pollCq = verbs.inline.poll_cq;
    this.#handle = handle;
    this.#memory = memory;
    this.#retire = retire;
    this.words = memory.completions;
  }

  /**
   * Takes the next completion.
   *
   * @returns its index in {@linkcode CompletionQueue.words}, or -1 when there is none.
   * @throws {FabricError} code `state` when the device's queue has failed.
   */
  take(): number {
    if (this.#next === this.#count) {
      if (this.#gathered.length !== 0) return this.#takeGathered();
      this.#next = 0;
      this.#count = this.#poll();
      if (this.#count === 0) return -1;
    }
    return this.#next++ * WC_WORDS;
  }

  /** Whether there is a completion to report. Polls the device. */
  ready(): boolean {
    if (this.#gathered.length === 0) this.gather();
    return this.#gathered.length !== 0;
  }

  /** Takes all completions from the device, which frees entries of the send queue, and keeps those to report. */
  gather(): void {
    if (this.#next < this.#count) { // the rest of the batch comes first
      for (; this.#next < this.#count; this.#next++) this.#keep(this.#next * WC_WORDS);
    }
    for (;;) {
      const count = this.#poll();
      for (let i = 0; i < count; i++) this.#keep(i * WC_WORDS);
      if (count < BATCH) break;
    }
    this.#next = this.#count = 0;
  }

  #keep(at: number): void {
    const high = this.words[at + WC_ID_HIGH]!;
    if ((high & RECEIVE) === 0) {
      this.#retire(high);
      if (this.words[at + WC_STATUS] === Status.SUCCESS && (high & REPORTED) === 0) return;
    }
    const copy = new WordList(WC_WORDS);
    for (let i = 0; i < WC_WORDS; i++) copy[i] = this.words[at + i]!;
    this.#gathered[this.#gathered.length] = copy;
  }

  #takeGathered(): number {
    const copy = this.#gathered[this.#gatheredTaken++]!;
    for (let i = 0; i < WC_WORDS; i++) this.words[i] = copy[i]!;
    if (this.#gatheredTaken === this.#gathered.length) {
      this.#gathered = [];
      this.#gatheredTaken = 0;
    }
    return 0;
  }

  #poll(): number {
    const count = this.#pollCq(this.#handle, BATCH, this.#memory.completionsPointer);
    if (count < 0) {
      throw new FabricError(`Cannot poll: the completion queue has failed (${count})`, "state");
    }
    return count;
  }
}

// Bound before foreign code is loaded, which may replace the global.
const WordList = Uint32Array;
