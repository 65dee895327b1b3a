/** The lines of a worker whose client shares its memory: taking requests and sending replies. */

import type { Connection, SharedMemory } from "../../../fabric/fabric.ts";
import { atomicsLoad } from "../../../ffi/intrinsics.ts";
import { ATOMIC_POLL_MASK, ORDERED_LOADS } from "../../../ffi/memory_order.ts";
import {
  HEAD_MASK,
  INLINE,
  INLINE_AT,
  INLINE_BYTES,
  LINE_HEAD,
  LINE_LENGTH,
  LINE_ORDER,
  LINE_SEQUENCE,
  LINE_WORDS,
} from "../../protocol/line.ts";
import { FUNCTION_MASK, LINE_BYTES } from "../../protocol/wire.ts";
import { NO_CALL, type Requests } from "./requests.ts";
import type { LineBuffers, SlotTerms, WorkerSlot } from "./worker_slot.ts";

/** The lines of all slots of a connection. */
export class RequestLines implements Requests {
  functionIndex = 0;
  length = 0;
  inlined = false;
  broken = "";
  readonly #connection: Connection;
  readonly #shared: SharedMemory;
  readonly #requests: Int32Array;
  readonly #replies: Int32Array;
  readonly #depth: number;
  /** By slot, the sequence number of its next request. */
  readonly #expected: Int32Array;
  /** Returns the payloads in the line of a slot. */
  readonly buffers: (index: number) => LineBuffers;
  /** The slots from 0 at which each poll looks: those with recent requests, and the next one. */
  #window = 1;
  /** The highest slot that had a request since {@linkcode RequestLines.look}. */
  #highest = 0;
  /** The slot of the window to look at next. */
  #cursor = 0;
  /** The slot to look at next, of all. */
  #any = 0;
  /** Counts the empty looks at the window, modulo 2^32. */
  #misses = 0;
  /** Whether a reply was sent since the last empty poll. */
  #unsettled = false;
  /** The order of the next request: the last one's plus 1. */
  #nextOrder = 1;

  constructor(connection: Connection, shared: SharedMemory, terms: SlotTerms) {
    const { layout, depth, remote, firstSequence } = terms;
    const remoteLines = remote.address + layout.linesAt - layout.inboundAt;
    const bytes = depth * LINE_BYTES;
    this.#connection = connection;
    this.#shared = shared;
    this.#depth = depth;
    this.#expected = new Int32Array(depth).fill(firstSequence + 1);
    this.#widen(0);
    this.#requests = new Int32Array(connection.buffer(layout.linesAt, bytes));
    this.#replies = new Int32Array(shared.peerBuffer(remoteLines, bytes, remote.rkey));
    for (let at = LINE_SEQUENCE; at < this.#requests.length; at += LINE_WORDS) {
      this.#requests[at] = this.#replies[at] = firstSequence; // no call has this number
    }
    this.buffers = (index) => ({
      input: connection.buffer(layout.linesAt + index * LINE_BYTES + INLINE_AT, INLINE_BYTES),
      output: shared.peerBuffer(
        remoteLines + index * LINE_BYTES + INLINE_AT,
        INLINE_BYTES,
        remote.rkey,
      ),
    });
  }

  take(slots: readonly WorkerSlot[]): number {
    let index = this.#first(slots, this.#window);
    if (index < 0) {
      index = this.#nextOfAll(slots);
      if (index < 0) {
        if (this.#unsettled) this.#settle();
        return -1;
      }
    }
    const requests = this.#requests;
    // Requests are served in the order in which they were posted. One that was posted before may be beyond the window,
    // or have come after this poll had passed its line.
    if (requests[index * LINE_WORDS + LINE_ORDER] !== this.#nextOrder) {
      index = this.#first(slots, this.#depth);
      if (index < 0) return -1; // the client has changed the line meanwhile
    }
    const at = index * LINE_WORDS;
    this.#expected[index] = this.#expected[index]! + 1;
    this.#nextOrder = (requests[at + LINE_ORDER]! + 1) | 0;
    this.#cursor = index + 1;
    if (index > this.#highest) {
      this.#highest = index;
      this.#widen(index);
    }
    const head = requests[at + LINE_HEAD]!;
    this.functionIndex = head & FUNCTION_MASK;
    this.inlined = (head & INLINE) !== 0;
    const length = requests[at + LINE_LENGTH]!;
    this.length = (head & ~HEAD_MASK) === 0 ? length : -1;
    return index;
  }

  /** Finds the request that was posted first, among the slots from 0 to `window`. Returns -1 if there is none. */
  #first(slots: readonly WorkerSlot[], window: number): number {
    const requests = this.#requests;
    const expected = this.#expected;
    const nextOrder = this.#nextOrder;
    let first = -1;
    let firstOrder = 0;
    let index = this.#cursor;
    for (let left = window; left > 0; left--) {
      if (index >= window) index = 0;
      const at = index * LINE_WORDS;
      const sequence = ORDERED_LOADS
        ? requests[at + LINE_SEQUENCE]
        : atomicsLoad(requests, at + LINE_SEQUENCE);
      if (sequence === expected[index] && slots[index]!.takes) {
        const order = requests[at + LINE_ORDER]!;
        if (order === nextOrder) return index;
        if (first < 0 || ((order - firstOrder) | 0) < 0) {
          first = index;
          firstOrder = order;
        }
      }
      index++;
    }
    return first;
  }

  /**
   * Looks at one line, the next of all slots: a request beyond the window is found within `depth` polls, and each poll
   * takes the same time. Returns its slot; -1 if there is none.
   */
  #nextOfAll(slots: readonly WorkerSlot[]): number {
    const index = this.#any;
    this.#any = index + 1 < this.#depth ? index + 1 : 0;
    const misses = this.#misses = (this.#misses + 1) | 0;
    const at = index * LINE_WORDS + LINE_SEQUENCE;
    const sequence = ORDERED_LOADS && (misses & ATOMIC_POLL_MASK) !== 0
      ? this.#requests[at]
      : atomicsLoad(this.#requests, at);
    return sequence === this.#expected[index] && slots[index]!.takes ? index : -1;
  }

  /** Whether a request may be there to take, or a call was given up. */
  ready(slots: readonly WorkerSlot[]): boolean {
    for (let index = 0; index < this.#depth; index++) {
      const slot = slots[index]!;
      const sequence = atomicsLoad(this.#requests, index * LINE_WORDS + LINE_SEQUENCE);
      if ((sequence === this.#expected[index] && slot.takes) || slot.mayBeGivenUp) return true;
    }
    return false;
  }

  #settle(): void {
    this.#unsettled = false;
    this.#shared.settle();
  }

  look(): void {
    if (this.#unsettled) this.#settle();
    // Slots without a recent request are left out of the next polls, which so cost the same at every depth.
    this.#window = 1;
    this.#widen(this.#highest);
    this.#highest = 0;
    if (this.#connection.poll() && this.broken === "") {
      this.broken = this.#connection.reason || NO_CALL;
    }
  }

  #widen(index: number): void {
    const least = index + 2;
    if (least > this.#window) this.#window = least < this.#depth ? least : this.#depth;
  }

  reply(slot: WorkerSlot, index: number, status: number, length: number): void {
    if (this.#connection.state !== "connected") return;
    const at = index * LINE_WORDS;
    const replies = this.#replies;
    replies[at + LINE_HEAD] = status;
    replies[at + LINE_LENGTH] = length;
    this.#shared.signal(replies, at + LINE_SEQUENCE, slot.sequence);
    this.#unsettled = true;
  }
}
