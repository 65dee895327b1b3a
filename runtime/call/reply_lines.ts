/** The lines of a session whose worker shares its memory: posting requests and taking replies. */

import type { Connection, SharedMemory } from "../../fabric/fabric.ts";
import { atomicsLoad } from "../../ffi/intrinsics.ts";
import { ATOMIC_POLL_MASK, ORDERED_LOADS } from "../../ffi/memory_order.ts";
import { ABANDONED, type ClientSlot, POSTED } from "./client_slot.ts";
import {
  INLINE,
  INLINE_AT,
  INLINE_BYTES,
  LINE_HEAD,
  LINE_LENGTH,
  LINE_ORDER,
  LINE_SEQUENCE,
  LINE_WORDS,
} from "../protocol/line.ts";
import { type ArenaLayout, LINE_BYTES } from "../protocol/wire.ts";

/** What a {@linkcode ReplyLines} needs of its session. */
export interface LineTerms {
  readonly layout: ArenaLayout;
  readonly depth: number;
  /** The inbound slots of the worker, which its lines follow. */
  readonly remote: { readonly address: number; readonly rkey: number };
  readonly firstSequence: number;
}

/** The lines of all slots of a session. */
export class ReplyLines {
  readonly #shared: SharedMemory;
  readonly #requests: Int32Array;
  readonly #replies: Int32Array;
  /** By slot, the sequence number of its next reply. */
  readonly #expected: Int32Array;
  /** Returns the payloads in the line of a slot. */
  readonly buffers: (
    index: number,
  ) => { readonly input: ArrayBuffer; readonly output: ArrayBuffer };
  /** Requests without a reply. */
  #posted = 0;
  /** The slots from 0 that may have a request without a reply. */
  #window = 0;
  /** The slot to look at next. */
  #cursor = 0;
  /** Whether a request was posted since the last empty poll. */
  #unsettled = false;
  /** Empty polls, modulo 16. */
  #misses = 0;

  constructor(connection: Connection, shared: SharedMemory, terms: LineTerms) {
    const { layout, depth, remote, firstSequence } = terms;
    const remoteLines = remote.address + layout.linesAt - layout.inboundAt;
    const bytes = depth * LINE_BYTES;
    this.#shared = shared;
    this.#requests = new Int32Array(shared.peerBuffer(remoteLines, bytes, remote.rkey));
    this.#replies = new Int32Array(connection.buffer(layout.linesAt, bytes));
    this.#expected = new Int32Array(depth).fill(firstSequence + 1);
    this.buffers = (index) => ({
      input: shared.peerBuffer(
        remoteLines + index * LINE_BYTES + INLINE_AT,
        INLINE_BYTES,
        remote.rkey,
      ),
      output: connection.buffer(layout.linesAt + index * LINE_BYTES + INLINE_AT, INLINE_BYTES),
    });
  }

  /**
   * Publishes the request of a slot.
   *
   * @throws {FabricError} code `state` when the connection has ended.
   */
  post(slot: ClientSlot, functionIndex: number, length: number): void {
    const { index } = slot;
    const at = index * LINE_WORDS;
    const requests = this.#requests;
    requests[at + LINE_HEAD] = slot.inlined ? functionIndex | INLINE : functionIndex;
    requests[at + LINE_LENGTH] = length;
    requests[at + LINE_ORDER] = slot.order;
    this.#shared.signal(requests, at + LINE_SEQUENCE, slot.sequence);
    this.#unsettled = true;
    this.#posted++;
    if (index >= this.#window) this.#window = index + 1;
  }

  /** Takes the next reply: sets the status and the length of its slot, which it returns. `undefined` if there is none. */
  take(slots: readonly ClientSlot[]): ClientSlot | undefined {
    if (this.#posted === 0) return undefined;
    const replies = this.#replies;
    const window = this.#window;
    const plain = ORDERED_LOADS && (++this.#misses & ATOMIC_POLL_MASK) !== 0;
    let index = this.#cursor;
    for (let left = window; left > 0; left--) {
      if (index >= window) index = 0;
      const at = index * LINE_WORDS;
      const sequence = plain
        ? replies[at + LINE_SEQUENCE]
        : atomicsLoad(replies, at + LINE_SEQUENCE);
      if (sequence === this.#expected[index]) {
        const slot = slots[index]!;
        // A worker that replies before it has a request is not believed.
        if (slot.state === POSTED || slot.state === ABANDONED) {
          this.#expected[index] = sequence! + 1;
          this.#cursor = index + 1;
          if (--this.#posted === 0) this.#window = this.#cursor = 0;
          slot.status = replies[at + LINE_HEAD]!;
          slot.length = replies[at + LINE_LENGTH]!;
          return slot;
        }
      }
      index++;
    }
    if (this.#unsettled) this.#settle();
    return undefined;
  }

  #settle(): void {
    this.#unsettled = false;
    this.#shared.settle();
  }

  /** Whether a reply may be there to take. */
  ready(): boolean {
    if (this.#posted === 0) return false;
    for (let index = 0; index < this.#window; index++) {
      const sequence = atomicsLoad(this.#replies, index * LINE_WORDS + LINE_SEQUENCE);
      if (sequence === this.#expected[index]) return true;
    }
    return false;
  }
}
