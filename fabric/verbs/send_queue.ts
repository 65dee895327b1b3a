/** The send queue of a connection: writes work requests, posts them, and counts those outstanding. */

import { nowMs } from "../../ffi/intrinsics.ts";
import { SEND as SEND_FLAGS, WR } from "../../ffi/verbs/constants.ts";
import type { QueuePair } from "../../ffi/verbs/handles.ts";
import { SEND_WR, SGE } from "../../ffi/verbs/layout.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";
import { FabricError } from "../errors.ts";
import { SIGNALED } from "../fabric.ts";
import { KEEP_ALIVE, PLACE_MASK, REPORTED } from "./request_words.ts";
import type { WorkMemory } from "./work_memory.ts";

/** Places of the queue for requests whose completion is not reported, in addition to the depth for those reported. */
export const UNREPORTED_DEPTH = 64;
/** One in this many unreported requests is signaled to the device, which shows how far the queue has emptied. */
const SIGNAL_EVERY = UNREPORTED_DEPTH / 2;
/** How long a request waits for a free place: the device's own retries have ended by then. */
const FULL_TIMEOUT_MS = 10_000;
/** The error of post_send for a full queue. */
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

/** The limits of a send queue. */
export interface SendQueueOptions {
  /** Reported requests that may be outstanding, completions not yet polled included. */
  readonly depth: number;
  /** The request itself carries a message of up to so many bytes. */
  readonly maxInlineBytes: number;
  /** The address of the arena's first byte. */
  readonly arenaAddress: number;
  /** Takes the device's completions, which may free places. */
  readonly gather: () => void;
}

/** Posts through the connection's work memory. */
export class SendQueue {
  readonly #postSend: Verbs["inline"]["post_send"];
  readonly #queuePair: QueuePair;
  readonly #memory: WorkMemory;
  readonly #request: Uint32Array;
  readonly #atomicOperands: BigUint64Array;
  readonly #sge: Uint32Array;
  readonly #options: SendQueueOptions;
  readonly #capacity: number;
  /** Requests posted, and those known to be done, modulo {@linkcode PLACE_MASK} + 1. */
  #posted = 0;
  #done = 0;
  /** Reported requests whose completion is not yet polled. */
  #reported = 0;
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
    this.#options = options;
    this.#capacity = options.depth + UNREPORTED_DEPTH;
  }

  /** Requests that are not known to be done. */
  get outstanding(): number {
    return (this.#posted - this.#done) & PLACE_MASK;
  }

  /** The number of requests known to be done, modulo {@linkcode PLACE_MASK} + 1. */
  get done(): number {
    return this.#done;
  }

  /** Whether a signaled request must be refused. */
  get full(): boolean {
    return this.#reported >= this.#options.depth;
  }

  /** Reported requests that may be outstanding. */
  get depth(): number {
    return this.#options.depth;
  }

  /**
   * Posts a send, write or read of a local range.
   *
   * @throws {FabricError} code `full`, or `state` when the device refuses.
   */
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
      length <= this.#options.maxInlineBytes && opcode !== WR.RDMA_READ ? SEND_FLAGS.INLINE : 0,
    );
  }

  /**
   * Posts a fetch-and-add, which adds `operand`, or a compare-and-swap, which compares with `operand`.
   *
   * @throws {FabricError} code `full`, or `state` when the device refuses.
   */
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

  /**
   * Posts an empty write, which the peer's device acknowledges.
   *
   * @throws {FabricError} code `full`, or `state` when the device refuses.
   */
  postKeepAlive(): void {
    this.#request[REMOTE] = this.#request[REMOTE + 1] = this.#request[RKEY] = 0;
    this.#local(0, 0);
    this.#submit(0, WR.RDMA_WRITE, KEEP_ALIVE, SEND_FLAGS.SIGNALED);
  }

  /** Marks the send whose wr_id has this upper half as done, and all before it. */
  retire(idHigh: number): void {
    const place = idHigh & PLACE_MASK;
    // A gathered completion comes here again when it is taken; by then later sends may be done.
    if (((this.#posted - place) & PLACE_MASK) < this.outstanding) this.#done = place;
  }

  /** Counts a reported request whose completion was polled. */
  polled(): void {
    this.#reported--;
  }

  /** Waits at most `timeoutMs` until all requests are done: a disconnect drops the others. */
  flush(timeoutMs: number): void {
    if (this.outstanding === 0) return;
    const untilMs = nowMs() + timeoutMs;
    try {
      this.postKeepAlive(); // the last requests may not be signaled
      do {
        this.#options.gather();
      } while (this.outstanding !== 0 && nowMs() < untilMs);
    } catch {
      // the queue pair has failed, so no request will be done any more
    }
  }

  #local(offset: number, length: number): void {
    const address = this.#options.arenaAddress + offset;
    this.#request[SGE_COUNT] = length === 0 ? 0 : 1;
    this.#sge[SGE_ADDRESS] = address;
    this.#sge[SGE_ADDRESS + 1] = address * 2 ** -32;
    this.#sge[SGE_LENGTH] = length;
  }

  #post(id: number, opcode: number, flags: number, inline: number): void {
    if (this.outstanding >= this.#capacity) this.#awaitFreePlace();
    if ((flags & SIGNALED) !== 0) {
      this.#submit(id, opcode, REPORTED, inline | SEND_FLAGS.SIGNALED);
      this.#reported++;
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

  /** Waits until unreported requests have left the queue. */
  #awaitFreePlace(): void {
    const untilMs = nowMs() + FULL_TIMEOUT_MS;
    for (;;) {
      this.#options.gather();
      if (this.outstanding < this.#capacity) return;
      if (nowMs() > untilMs) {
        throw new FabricError(
          `Cannot post a request: ${this.outstanding} are outstanding for ${FULL_TIMEOUT_MS} ms`,
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
