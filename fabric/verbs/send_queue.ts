/** The send queue of a connection: writes work requests, posts them, and knows how many are outstanding. */

import { nowMs } from "../../ffi/intrinsics.ts";
import { SEND as SEND_FLAGS, WR } from "../../ffi/verbs/constants.ts";
import type { QueuePair } from "../../ffi/verbs/handles.ts";
import { SEND_WR, SGE } from "../../ffi/verbs/layout.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";
import { FabricError } from "../errors.ts";
import { SIGNALED } from "../fabric.ts";
import { KEEP_ALIVE, PLACE_MASK, WANTED } from "./request_words.ts";
import type { WorkMemory } from "./work_memory.ts";

/** Requests without a completion may stand in the queue beside those with one. */
export const SILENT_ROOM = 64;
/** One request in so many asks for a completion, so that the queue can be known to empty. */
const SIGNAL_EVERY = SILENT_ROOM / 2;
/** How long a request waits for room: the device's own retries have ended by then. */
const ROOM_MS = 10_000;
/** What post_send says of a full queue. */
const ENOMEM = 12;

// Words of struct ibv_send_wr and of struct ibv_sge in the work memory.
const ID = SEND_WR.wr_id / 4;
const SGE_COUNT = SEND_WR.num_sge / 4;
const OPCODE = SEND_WR.opcode / 4;
const FLAGS = SEND_WR.send_flags / 4;
const IMMEDIATE = SEND_WR.imm_data / 4;
const REMOTE = SEND_WR.rdma_remote_addr / 4;
const RKEY = SEND_WR.rdma_rkey / 4;
const COMPARE_ADD = SEND_WR.atomic_compare_add / 8;
const SWAP = SEND_WR.atomic_swap / 8;
const ATOMIC_RKEY = SEND_WR.atomic_rkey / 4;
const SGE_ADDRESS = SGE.addr / 4;
const SGE_LENGTH = SGE.length / 4;

export interface SendQueueOptions {
  /** Requests with a completion that may be outstanding, completions not yet taken included. */
  readonly depth: number;
  /** Messages up to this long are sent with the request itself. */
  readonly maxInlineBytes: number;
  /** The arena's address. */
  readonly arenaAddress: number;
  /** Takes what the device has completed, which may make room. */
  readonly gather: () => void;
}

export class SendQueue {
  readonly #postSend: Verbs["inline"]["post_send"];
  readonly #queuePair: QueuePair;
  readonly #memory: WorkMemory;
  readonly #request: Uint32Array;
  readonly #atomicOperands: BigUint64Array;
  readonly #sge: Uint32Array;
  readonly #o: SendQueueOptions;
  readonly #room: number;
  /** Requests posted, and those known to be done, modulo {@linkcode PLACE_MASK} + 1. */
  #posted = 0;
  #done = 0;
  #wanted = 0;
  #sinceSignal = 0;

  constructor(
    verbs: Verbs,
    queuePair: QueuePair,
    memory: WorkMemory,
    options: SendQueueOptions,
  ) {
    this.#postSend = verbs.inline.post_send;
    this.#queuePair = queuePair;
    this.#memory = memory;
    this.#request = memory.sendRequest;
    this.#atomicOperands = memory.sendRequest64;
    this.#sge = memory.sendSge;
    this.#o = options;
    this.#room = options.depth + SILENT_ROOM;
  }

  /** Requests that are not known to be done. */
  get outstanding(): number {
    return (this.#posted - this.#done) & PLACE_MASK;
  }

  /** Grows with the requests known to be done, and begins anew now and then. */
  get done(): number {
    return this.#done;
  }

  /** Is there no room for a request with a completion? */
  get full(): boolean {
    return this.#wanted >= this.#o.depth;
  }

  get depth(): number {
    return this.#o.depth;
  }

  /** Posts a send, write or read of a local range. */
  post(
    id: number,
    opcode: number,
    flags: number,
    offset: number,
    length: number,
    remoteAddress: number,
    rkey: number,
    immediate: number,
  ): void {
    const request = this.#request;
    request[IMMEDIATE] = swapBytes(immediate);
    request[REMOTE] = remoteAddress;
    request[REMOTE + 1] = remoteAddress * 2 ** -32;
    request[RKEY] = rkey;
    this.#local(offset, length);
    this.#post(
      id,
      opcode,
      flags,
      length <= this.#o.maxInlineBytes && opcode !== WR.RDMA_READ ? SEND_FLAGS.INLINE : 0,
    );
  }

  /** Posts a fetch-and-add (`operand` is added) or compare-and-swap (with `operand` compared). */
  postAtomic(
    id: number,
    opcode: number,
    flags: number,
    offset: number,
    remoteAddress: number,
    rkey: number,
    operand: bigint,
    swap: bigint,
  ): void {
    const request = this.#request;
    request[REMOTE] = remoteAddress;
    request[REMOTE + 1] = remoteAddress * 2 ** -32;
    this.#atomicOperands[COMPARE_ADD] = operand;
    this.#atomicOperands[SWAP] = swap;
    request[ATOMIC_RKEY] = rkey;
    this.#local(offset, 8);
    this.#post(id, opcode, flags, 0);
  }

  /** Posts a write of nothing, which the peer's device must acknowledge. */
  postKeepAlive(): void {
    this.#request[REMOTE] = this.#request[REMOTE + 1] = this.#request[RKEY] = 0;
    this.#local(0, 0);
    this.#submit(0, WR.RDMA_WRITE, KEEP_ALIVE, SEND_FLAGS.SIGNALED);
  }

  /** A send whose wr_id had this upper half is done, and with it all before. */
  retire(idHigh: number): void {
    const place = idHigh & PLACE_MASK;
    // What was gathered is told of again when it is taken; by then later ones may be done.
    if (((this.#posted - place) & PLACE_MASK) < this.outstanding) this.#done = place;
  }

  /** The poster has taken a completion that it wanted. */
  taken(): void {
    this.#wanted--;
  }

  /** Waits, but not for long, until what was sent has arrived: a disconnect drops what has not. */
  flush(timeoutMs: number): void {
    if (this.outstanding === 0) return;
    const untilMs = nowMs() + timeoutMs;
    try {
      this.postKeepAlive(); // the last requests may have asked for no completion
      do {
        this.#o.gather();
      } while (this.outstanding !== 0 && nowMs() < untilMs);
    } catch {
      // the queue pair has failed: nothing will arrive any more
    }
  }

  #local(offset: number, length: number): void {
    const address = this.#o.arenaAddress + offset;
    this.#request[SGE_COUNT] = length === 0 ? 0 : 1;
    this.#sge[SGE_ADDRESS] = address;
    this.#sge[SGE_ADDRESS + 1] = address * 2 ** -32;
    this.#sge[SGE_LENGTH] = length;
  }

  #post(id: number, opcode: number, flags: number, inline: number): void {
    if (this.outstanding >= this.#room) this.#makeRoom();
    if ((flags & SIGNALED) !== 0) {
      this.#submit(id, opcode, WANTED, inline | SEND_FLAGS.SIGNALED);
      this.#wanted++;
      this.#sinceSignal = 0;
    } else if (++this.#sinceSignal >= SIGNAL_EVERY) {
      this.#submit(id, opcode, 0, inline | SEND_FLAGS.SIGNALED);
      this.#sinceSignal = 0;
    } else {
      this.#submit(id, opcode, 0, inline);
    }
  }

  #submit(id: number, opcode: number, kind: number, sendFlags: number): void {
    const place = (this.#posted + 1) & PLACE_MASK;
    const request = this.#request;
    request[ID] = id;
    request[ID + 1] = kind | place;
    request[OPCODE] = opcode;
    request[FLAGS] = sendFlags;
    const errno = this.#postSend(
      this.#queuePair,
      this.#memory.sendPointer,
      this.#memory.refusedPointer,
    );
    if (errno !== 0) {
      throw new FabricError(
        `Cannot post a request: ${
          errno === ENOMEM ? "the send queue is full" : `the device refused it (error ${errno})`
        }`,
        errno === ENOMEM ? "full" : "state",
      );
    }
    this.#posted = place;
  }

  /** Waits until requests that asked for no completion have left the queue. */
  #makeRoom(): void {
    const untilMs = nowMs() + ROOM_MS;
    for (;;) {
      this.#o.gather();
      if (this.outstanding < this.#room) return;
      if (nowMs() > untilMs) {
        throw new FabricError(
          `Cannot post a request: ${this.outstanding} are outstanding for ${ROOM_MS} ms`,
          "full",
        );
      }
    }
  }
}

/** 32 bits in network byte order. */
export function swapBytes(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
