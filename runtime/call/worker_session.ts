/** The client's connection to one worker: its slots, posting calls, matching replies. */

import type { Connection } from "../../fabric/fabric.ts";
import { Opcode, Status } from "../../fabric/status.ts";
import { atomicsStore } from "../../ffi/intrinsics.ts";
import type { ReadyMessage } from "../protocol/attach.ts";
import {
  ABANDONED,
  ClientSlot,
  DONE,
  FREE,
  HELD,
  LOST,
  OPEN,
  POSTED,
  STALE,
} from "./client_slot.ts";
import { PLAIN, type Signature } from "../protocol/manifest.ts";
import { POLLS_PER_LOOK, POLLS_PER_LOOK_NETWORK, STREAM_END_MS } from "../policy.ts";
import {
  type ArenaLayout,
  CallStatus,
  END_STREAM,
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
  REQUEST_CAPACITY,
  REQUEST_LENGTH,
  REQUEST_SEQUENCE,
  REQUEST_TIME_LEFT_US,
  requestImmediate,
  SHORT_REPLY,
  shortRequest,
  timeLeftUs,
} from "../protocol/wire.ts";

/** What a client and a worker have agreed on when it has attached. */
export interface SessionTerms {
  /** The worker's place in the lease. */
  readonly worker: number;
  readonly depth: number;
  readonly firstSequence: number;
  readonly layout: ArenaLayout;
  readonly ready: ReadyMessage;
}

export class WorkerSession {
  /** Its worker's place in the lease. */
  readonly worker: number;
  readonly depth: number;
  readonly slots: readonly ClientSlot[];
  /** A function's place in the package, by its name. */
  readonly functions: ReadonlyMap<string, number>;
  /** What they take and give. */
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly connection: Connection;
  /** Polls between two looks at what a spin must not be blind to. */
  readonly pollsPerLook: number;
  /** Calls under way, given up ones among them. */
  outstanding = 0;
  /** Replies that answered no call: late, doubled or malformed. Counted and dropped. */
  stray = 0;
  /** Called when a slot has become free by itself, because the reply of a call given up has come. */
  onFreed: (() => void) | null = null;
  /** Called when a call was given up at its deadline. */
  onOverdue: (() => void) | null = null;
  /**
   * A call has passed its deadline and the worker has not answered it: the node may be about to end the executor, and
   * calls that were sent now would be lost with it.
   */
  overdue = false;
  lost = false;
  /** Its lease has moved to another node: no new calls, what is under way finishes. */
  retiring = false;
  readonly #free: ClientSlot[];
  /** By slot, the word of the call that was given up. */
  readonly #givenUp: Int32Array[];
  readonly #layout: ArenaLayout;
  readonly #inPlace: boolean;
  readonly #remote: { readonly address: number; readonly rkey: number };
  readonly #repostEvery: number;
  #taken = 0;

  /** Takes the connection over; {@linkcode attachWorker} makes one. */
  constructor(connection: Connection, terms: SessionTerms) {
    const { depth, firstSequence, layout, ready } = terms;
    this.worker = terms.worker;
    this.depth = depth;
    this.connection = connection;
    const entries = ready.functions.map((entry) =>
      typeof entry === "string" ? { name: entry, ...PLAIN } : entry
    );
    this.functions = new Map(entries.map(({ name }, i) => [name, i]));
    this.signatures = new Map(entries.map((entry) => [entry.name, entry]));
    this.#layout = layout;
    this.#remote = { address: ready.address, rkey: ready.rkey };
    this.#repostEvery = repostEvery(depth);
    this.#inPlace = connection.share(ready.address, layout.slotsBytes, ready.rkey) !== undefined;
    this.pollsPerLook = this.#inPlace ? POLLS_PER_LOOK : POLLS_PER_LOOK_NETWORK;
    const payloadBytes = layout.stride - PAYLOAD_AT;
    const request = (i: number, at: number, length: number) =>
      this.#inPlace
        ? connection.share(ready.address + i * layout.stride + at, length, ready.rkey)!
        : connection.buffer(layout.outboundAt + i * layout.stride + at, length);
    const reply = (i: number, at: number, length: number) =>
      connection.buffer(layout.inboundAt + i * layout.stride + at, length);
    this.slots = Array.from({ length: depth }, (_, i) =>
      new ClientSlot(
        i,
        firstSequence,
        request(i, HEADER_AT, HEADER_BYTES),
        reply(i, HEADER_AT, HEADER_BYTES),
        request(i, PAYLOAD_AT, payloadBytes),
        reply(i, PAYLOAD_AT, payloadBytes),
      ));
    this.#givenUp = this.slots.map(({ index }) => new Int32Array(request(index, GIVEN_UP_AT, 4)));
    this.#free = [...this.slots].reverse();
  }

  get freeSlots(): number {
    return this.#free.length;
  }

  /** Whether a call may be sent now. */
  get takesCalls(): boolean {
    return this.#free.length > 0 && !this.overdue;
  }

  /** A slot for the caller alone, or `undefined` when none is free. */
  acquire(): ClientSlot | undefined {
    // A program that never turns its event loop has nobody else to take the reply that frees a slot.
    if (this.#free.length === 0) { while (this.poll()); }
    const slot = this.#free.pop();
    if (slot) slot.state = HELD;
    return slot;
  }

  /**
   * Gives a slot back. One with a call under way stays out of use until its reply has come.
   *
   * @param overdue whether that call has passed its deadline.
   */
  release(slot: ClientSlot, overdue = false): void {
    slot.waiter = null;
    slot.streaming = false;
    if (slot.state === OPEN) this.#endStream(slot);
    else if (slot.state === POSTED) {
      slot.state = ABANDONED;
      this.#tellGivenUp(slot);
      if (!overdue) return;
      this.overdue = true;
      this.onOverdue?.();
    } else if (slot.state === HELD || slot.state === DONE) {
      slot.state = FREE;
      this.#free.push(slot);
    }
  }

  /** Sends the call whose argument lies in the slot. The caller has checked the numbers. */
  post(
    slot: ClientSlot,
    functionIndex: number,
    length: number,
    timeLeftUs: number,
    capacity: number,
  ): void {
    const sequence = (slot.sequence + 1) | 0;
    slot.sequence = sequence;
    slot.capacity = capacity;
    const immediate = requestImmediate(slot.index, functionIndex);
    if (slot.sentTimeLeftUs === timeLeftUs && slot.sentCapacity === capacity) {
      const short = shortRequest(immediate, sequence);
      if (this.#inPlace) this.connection.notify(length, short);
      else this.#write(slot, PAYLOAD_AT, length, short);
    } else {
      slot.request[REQUEST_SEQUENCE] = sequence;
      slot.request[REQUEST_LENGTH] = length;
      slot.request[REQUEST_TIME_LEFT_US] = slot.sentTimeLeftUs = timeLeftUs;
      slot.request[REQUEST_CAPACITY] = slot.sentCapacity = capacity;
      if (this.#inPlace) this.connection.notify(HEADER_BYTES + length, immediate);
      else this.#write(slot, HEADER_AT, HEADER_BYTES + length, immediate);
    }
    slot.state = POSTED;
    this.outstanding++;
  }

  /** Ends the stream in a slot that is out of use until the answer has come. */
  #endStream(slot: ClientSlot): void {
    try {
      this.post(slot, END_STREAM, 0, timeLeftUs(STREAM_END_MS), slot.capacity);
    } catch { /* the connection is gone, and the stream with it */ }
    slot.state = ABANDONED;
  }

  /** Tells the function that nobody waits for it any more, if it asked to know. */
  #tellGivenUp(slot: ClientSlot): void {
    const word = this.#givenUp[slot.index]!;
    atomicsStore(word, 0, slot.sequence);
    if (this.#inPlace) return;
    const at = slot.index * this.#layout.stride + GIVEN_UP_AT;
    const { address, rkey } = this.#remote;
    try {
      this.connection.write(0, this.#layout.outboundAt + at, 4, address + at, rkey, 0);
    } catch { /* the connection is gone, and the function with it */ }
  }

  /** Sends `bytes` of the slot, from `from` on, to the same place at the worker. */
  #write(slot: ClientSlot, from: number, bytes: number, immediate: number): void {
    const at = slot.index * this.#layout.stride + from;
    const { address, rkey } = this.#remote;
    const local = this.#layout.outboundAt + at;
    this.connection.writeImmediate(0, local, bytes, address + at, rkey, immediate, 0);
  }

  /** Takes the next reply; false when there is none. */
  poll(): boolean {
    const connection = this.connection;
    if (!connection.poll()) return false;
    const completion = connection.completion;
    if (
      completion.opcode !== Opcode.RECEIVE_WRITE_IMMEDIATE || completion.status !== Status.SUCCESS
    ) return false;
    if (++this.#taken >= this.#repostEvery && connection.state === "connected") {
      this.#taken = 0;
      connection.postReceives(this.#repostEvery);
    }
    const immediate = completion.immediate;
    const index = immediate & (MAX_DEPTH - 1);
    if (index >= this.depth) {
      this.stray++;
      return true;
    }
    const slot = this.slots[index]!;
    const { state } = slot;
    const short = (immediate & SHORT_REPLY) !== 0;
    const matches = short
      ? replyHasSequence(immediate, slot.sequence)
      : immediate >>> 16 === 0 && slot.reply[REPLY_SEQUENCE] === slot.sequence;
    if ((state !== POSTED && state !== ABANDONED) || !matches) {
      this.stray++;
      return true;
    }
    this.outstanding--;
    if (state === ABANDONED) {
      if (replyStatus(immediate) === CallStatus.MORE) { // a stream goes on that nobody reads
        this.#endStream(slot);
        return true;
      }
      slot.state = FREE;
      this.#free.push(slot);
      this.overdue = false;
      this.onFreed?.();
      return true;
    }
    slot.status = replyStatus(immediate);
    slot.length = short ? completion.byteLength : slot.reply[REPLY_LENGTH]!;
    slot.state = DONE;
    if (slot.waiter !== null) slot.waiter.onReply();
    return true;
  }

  /** Takes no new calls from now on. */
  retire(): void {
    this.retiring = true;
    for (const slot of this.slots) if (slot.state === HELD) slot.state = STALE;
  }

  /** Is a call under way whose end frees its slot? Prepared calls and streams keep theirs. */
  get freesSlots(): boolean {
    return this.slots.some(({ state, streaming }) =>
      (state === POSTED || state === ABANDONED) && !streaming
    );
  }

  /** Is a call under way that somebody waits for, or its result not read yet? */
  get busy(): boolean {
    return this.slots.some(({ state }) => state === POSTED || state === DONE || state === OPEN);
  }

  /** Ends the connection. Calls under way are lost, and those who wait for them are told. */
  close(): void {
    if (this.lost) return;
    this.lost = true;
    for (const slot of this.slots) {
      const { waiter, state } = slot;
      slot.waiter = null;
      slot.state = LOST;
      if (state === POSTED) waiter?.onReply();
    }
    this.#free.length = 0;
    this.outstanding = 0;
    this.connection.close();
  }
}
