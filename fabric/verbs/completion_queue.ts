/** The completion queue of a connection: polled in batches, and looked through for what makes room in the send queue. */

import { WC } from "../../ffi/verbs/layout.ts";
import type { CompletionQueue as Handle } from "../../ffi/verbs/handles.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";
import { FabricError } from "../errors.ts";
import { Status } from "../status.ts";
import { RECEIVE, WANTED } from "./request_words.ts";
import { BATCH, type WorkMemory } from "./work_memory.ts";

/** Words of struct ibv_wc, and where its fields stand. */
const WC_WORDS = WC.bytes / 4;
export const WC_ID = WC.wr_id / 4;
export const WC_ID_HIGH = WC_ID + 1;
export const WC_STATUS = WC.status / 4;
export const WC_OPCODE = WC.opcode / 4;
export const WC_BYTES = WC.byte_len / 4;
export const WC_IMMEDIATE = WC.imm_data / 4;

export class CompletionQueue {
  /** The completions; {@linkcode CompletionQueue.take} tells where in here one begins. */
  readonly words: Uint32Array;
  readonly #pollCq: Verbs["inline"]["poll_cq"];
  readonly #handle: Handle;
  readonly #memory: WorkMemory;
  readonly #retire: (idHigh: number) => void;
  #next = 0;
  #count = 0;
  /** What {@linkcode CompletionQueue.gather} found and nobody has taken; it comes after the batch. */
  #gathered: Uint32Array[] = [];
  #gatheredTaken = 0;

  /** @param retire is told the upper half of a send's wr_id as soon as the send is known to be done. */
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

  /** The place in {@linkcode CompletionQueue.words} of the next completion, or -1 when there is none. */
  take(): number {
    if (this.#next === this.#count) {
      if (this.#gathered.length !== 0) return this.#takeGathered();
      this.#next = 0;
      this.#count = this.#poll();
      if (this.#count === 0) return -1;
    }
    return this.#next++ * WC_WORDS;
  }

  /** Is there a completion that the poster wants to hear of? Asks the device. */
  ready(): boolean {
    if (this.#gathered.length === 0) this.gather();
    return this.#gathered.length !== 0;
  }

  /** Takes what the device has, so that sends which are done make room, and keeps it to be taken in its turn. */
  gather(): void {
    if (this.#next < this.#count) { // the batch is still being taken: make it the head of what was gathered
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
      if (this.words[at + WC_STATUS] === Status.SUCCESS && (high & WANTED) === 0) return;
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

// Held before foreign code is loaded.
const WordList = Uint32Array;
