/** Requests to a worker on another host, and its replies: writes with immediate, each way. */

import type { Connection } from "../../fabric/fabric.ts";
import { Opcode, Status } from "../../fabric/status.ts";
import { ABANDONED, type ClientSlot, POSTED } from "./client_slot.ts";
import type { LineTerms } from "./reply_lines.ts";
import {
  type ArenaLayout,
  GIVEN_UP_AT,
  HEADER_AT,
  HEADER_BYTES,
  MAX_DEPTH,
  PAYLOAD_AT,
  REPLY_LENGTH,
  REPLY_SEQUENCE,
  replyHasSequence,
  replyStatus,
  repostEvery,
  REQUEST_LENGTH,
  REQUEST_SEQUENCE,
  requestImmediate,
  SHORT_REPLY,
  shortRequest,
  TRACE_AT,
  TRACE_BYTES,
} from "../protocol/wire.ts";

/** The messages of a session. */
export class MessageReplies {
  /** Replies without a call: late, duplicate or malformed. Counted and dropped. */
  stray = 0;
  readonly #connection: Connection;
  readonly #layout: ArenaLayout;
  readonly #remote: { readonly address: number; readonly rkey: number };
  readonly #repostEvery: number;
  /** Replies since receives were posted last. */
  #repliesSincePost = 0;

  constructor(connection: Connection, { layout, depth, remote }: LineTerms) {
    this.#connection = connection;
    this.#layout = layout;
    this.#remote = remote;
    this.#repostEvery = repostEvery(depth);
  }

  /**
   * Sends the request of a slot.
   *
   * @param short Whether its header is that of the slot's last request, but for sequence and length.
   * @throws {FabricError} When the connection has ended, or its queue is full.
   */
  post(slot: ClientSlot, functionIndex: number, length: number, short: boolean): void {
    const immediate = requestImmediate(slot.index, functionIndex);
    if (short) {
      return this.#write(slot, PAYLOAD_AT, length, shortRequest(immediate, slot.sequence));
    }
    slot.request[REQUEST_SEQUENCE] = slot.sequence;
    slot.request[REQUEST_LENGTH] = length;
    this.#write(slot, HEADER_AT, HEADER_BYTES + length, immediate);
  }

  /** Sends the word of a slot that holds the number of a call that was given up. */
  giveUp(slot: ClientSlot): void {
    this.#writeAlone(slot, GIVEN_UP_AT, 4);
  }

  /** Sends the trace of a slot's next call, which arrives before the call. */
  carryTrace(slot: ClientSlot): void {
    this.#writeAlone(slot, TRACE_AT, TRACE_BYTES);
  }

  /** Takes the next reply: sets the status and the length of its slot, which it returns. `undefined` if there is none. */
  take(slots: readonly ClientSlot[]): ClientSlot | undefined {
    const connection = this.#connection;
    while (connection.poll()) {
      const { opcode, status, immediate, byteLength } = connection.completion;
      if (opcode !== Opcode.RECEIVE_WRITE_IMMEDIATE || status !== Status.SUCCESS) return undefined;
      if (++this.#repliesSincePost >= this.#repostEvery && connection.state === "connected") {
        this.#repliesSincePost = 0;
        connection.postReceives(this.#repostEvery);
      }
      const slot = slots[immediate & (MAX_DEPTH - 1)];
      const short = (immediate & SHORT_REPLY) !== 0;
      if (slot !== undefined && (slot.state === POSTED || slot.state === ABANDONED)) {
        const matches = short
          ? replyHasSequence(immediate, slot.sequence)
          : immediate >>> 16 === 0 && slot.reply[REPLY_SEQUENCE] === slot.sequence;
        if (matches) {
          slot.status = replyStatus(immediate);
          slot.length = short ? byteLength : slot.reply[REPLY_LENGTH]!;
          return slot;
        }
      }
      this.stray++;
    }
    return undefined;
  }

  /** Writes a part of the slot to the same offset at the worker, without a message. */
  #writeAlone(slot: ClientSlot, from: number, bytes: number): void {
    const at = slot.index * this.#layout.stride + from;
    const { address, rkey } = this.#remote;
    try {
      this.#connection.write(0, this.#layout.outboundAt + at, bytes, address + at, rkey, 0);
    } catch { /* the connection is lost, and the function with it */ }
  }

  /** Sends `bytes` of the slot, from `from` on, to the same offset at the worker. */
  #write(slot: ClientSlot, from: number, bytes: number, immediate: number): void {
    const at = slot.index * this.#layout.stride + from;
    const { address, rkey } = this.#remote;
    const local = this.#layout.outboundAt + at;
    this.#connection.writeImmediate(0, local, bytes, address + at, rkey, immediate, 0);
  }
}
