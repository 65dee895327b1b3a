/** The requests of a worker whose client is on another host: writes with immediate, each way. */

import type { Connection } from "../../../fabric/fabric.ts";
import { Opcode, Status } from "../../../fabric/status.ts";
import {
  type ArenaLayout,
  CallStatus,
  HEADER_AT,
  HEADER_BYTES,
  MAX_DEPTH,
  PAYLOAD_AT,
  receivesFor,
  REPLY_LENGTH,
  REPLY_SEQUENCE,
  replyImmediate,
  repostEvery,
  REQUEST_LENGTH,
  REQUEST_SEQUENCE,
  requestFunction,
  requestHasSequence,
  SHORT_REQUEST,
  shortReply,
} from "../../protocol/wire.ts";
import { NO_CALL, type Requests } from "./requests.ts";
import type { SlotTerms, WorkerSlot } from "./worker_slot.ts";

/** The messages of one connection. */
export class MessageRequests implements Requests {
  functionIndex = 0;
  length = 0;
  readonly inlined = false;
  broken = "";
  readonly #connection: Connection;
  readonly #layout: ArenaLayout;
  readonly #depth: number;
  readonly #remote: { readonly address: number; readonly rkey: number };
  readonly #repostEvery: number;
  /** Messages since receives were posted last. */
  #taken = 0;

  constructor(connection: Connection, { layout, depth, remote }: SlotTerms) {
    this.#connection = connection;
    this.#layout = layout;
    this.#depth = depth;
    this.#remote = remote;
    this.#repostEvery = repostEvery(depth);
    connection.postReceives(receivesFor(depth));
  }

  take(slots: readonly WorkerSlot[]): number {
    const connection = this.#connection;
    if (!connection.poll()) return -1;
    const { opcode, status, immediate, byteLength } = connection.completion;
    if (opcode !== Opcode.RECEIVE_WRITE_IMMEDIATE || status !== Status.SUCCESS) {
      if (this.broken === "") this.broken = connection.reason || NO_CALL;
      return -1;
    }
    if (++this.#taken >= this.#repostEvery && connection.state === "connected") {
      this.#taken = 0;
      connection.postReceives(this.#repostEvery);
    }
    const index = immediate & (MAX_DEPTH - 1);
    if (index >= this.#depth) return this.#refuse(index);
    const slot = slots[index]!;
    const short = (immediate & SHORT_REQUEST) !== 0;
    const sequence = short ? slot.next : slot.request[REQUEST_SEQUENCE]!;
    const matches = short
      ? requestHasSequence(immediate, sequence)
      : immediate >>> 24 === 0 && sequence === slot.next;
    if (!matches || !slot.takes) {
      slot.reply[REPLY_SEQUENCE] = sequence;
      slot.reply[REPLY_LENGTH] = 0;
      return this.#refuse(index);
    }
    this.functionIndex = requestFunction(immediate);
    this.length = short ? byteLength : slot.request[REQUEST_LENGTH]!;
    return index;
  }

  look(): void {} // every poll sees all there is

  reply(slot: WorkerSlot, index: number, status: number, length: number): void {
    const immediate = replyImmediate(index, status);
    // The length of a result that is too large to send fits only into the header.
    if (status !== CallStatus.RESULT_TOO_LARGE) {
      return this.#send(index, PAYLOAD_AT, length, shortReply(immediate, slot.sequence));
    }
    slot.reply[REPLY_SEQUENCE] = slot.sequence;
    slot.reply[REPLY_LENGTH] = length;
    this.#send(index, HEADER_AT, HEADER_BYTES, immediate);
  }

  /** Replies to an invalid request; no slot's sequence number advances. */
  #refuse(index: number): -1 {
    this.#send(index, HEADER_AT, HEADER_BYTES, replyImmediate(index, CallStatus.BAD_REQUEST));
    return -1;
  }

  /** Sends `bytes` of the slot, from offset `from`, to the same offset of the client's slot. */
  #send(index: number, from: number, bytes: number, immediate: number): void {
    const connection = this.#connection;
    if (connection.state !== "connected") return;
    try {
      if (index >= this.#depth) return connection.writeImmediate(0, 0, 0, 0, 0, immediate, 0);
      const at = index * this.#layout.stride + from;
      const { address, rkey } = this.#remote;
      const local = this.#layout.outboundAt + at;
      connection.writeImmediate(0, local, bytes, address + at, rkey, immediate, 0);
    } catch { // the queue fills up only if the client keeps sending requests and takes no replies
      if (this.broken === "") this.broken = connection.reason || "the client takes no replies";
    }
  }
}
