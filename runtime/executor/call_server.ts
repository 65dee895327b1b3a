/** Requests to functions to replies: the worker's half of a call. */

import type { Connection } from "../../fabric/fabric.ts";
import { Opcode, Status } from "../../fabric/status.ts";
import {
  type ArenaLayout,
  CallStatus,
  HEADER_AT,
  HEADER_BYTES,
  MAX_DEPTH,
  NEXT_CHUNK,
  PAYLOAD_AT,
  receivesFor,
  REPLY_LENGTH,
  REPLY_SEQUENCE,
  replyImmediate,
  repostEvery,
  REQUEST_CAPACITY,
  REQUEST_LENGTH,
  REQUEST_SEQUENCE,
  REQUEST_TIME_LEFT_US,
  requestFunction,
  requestHasSequence,
  SHORT_REQUEST,
  shortReply,
} from "../protocol/wire.ts";
import type { CoreToken } from "./core_token.ts";
import { writeFailure } from "./failure_text.ts";
import { whenSettled } from "./foreign_promise.ts";
import type { PackageFunction } from "./package_function.ts";
import { StreamKind } from "./stream_kind.ts";
import { StreamServer } from "./stream_server.ts";
import {
  IN_CALL,
  SLOT_WATCH,
  SLOT_WATCH_WORDS,
  WATCH_SEQUENCE,
  WATCH_TIME_LEFT_US,
} from "./watch_words.ts";
import type { WorkClock } from "./work_clock.ts";
import { makeSlots, type SlotTerms, type WorkerSlot } from "./worker_slot.ts";

/** What a server needs to know of its lease and its client. */
export interface ServerOptions extends SlotTerms {
  readonly maxBytes: number;
  /** The longest that a call may take, in microseconds. */
  readonly callUs: number;
  /** The words of watch_words.ts. */
  readonly watch: Int32Array;
  readonly clock: WorkClock;
  /** Where workers outnumber cores: to be held while a function runs. */
  readonly core?: CoreToken;
  /** Told that a call whose function did not return at once is over. */
  readonly onSettled?: (slot: number) => void;
}

// Held before foreign code is loaded: it may replace what hangs on the global object.
const TypeFailure = TypeError;

export class CallServer {
  /** Asynchronous functions that have not settled. */
  pending = 0;
  /** Why no more calls can be served; empty while they can. */
  broken = "";
  readonly #connection: Connection;
  readonly #layout: ArenaLayout;
  readonly #depth: number;
  readonly #maxBytes: number;
  readonly #callUs: number;
  readonly #remote: { readonly address: number; readonly rkey: number };
  /** Caller and functions work on one memory. */
  readonly inPlace: boolean;
  readonly #slots: readonly WorkerSlot[];
  readonly #watch: Int32Array;
  readonly #clock: WorkClock;
  readonly #core: CoreToken | undefined;
  readonly #repostEvery: number;
  readonly #onSettled: ((slot: number) => void) | undefined;
  #functions: readonly PackageFunction[] = [];
  #streams: readonly StreamKind[] = [];
  readonly #streamServer: StreamServer;
  #taken = 0;
  /** The last look was in vain. */
  #idle = true;

  constructor(connection: Connection, options: ServerOptions) {
    const { layout, depth, maxBytes, remote } = options;
    this.#connection = connection;
    this.#layout = layout;
    this.#depth = depth;
    this.#maxBytes = maxBytes;
    this.#callUs = options.callUs;
    this.#remote = remote;
    this.#watch = options.watch;
    this.#clock = options.clock;
    this.#core = options.core;
    this.#onSettled = options.onSettled;
    this.#repostEvery = repostEvery(depth);
    const { slots, inPlace } = makeSlots(connection, options);
    this.#slots = slots;
    this.inPlace = inPlace;
    connection.postReceives(receivesFor(depth));
    this.#streamServer = new StreamServer({
      reply: (slot, index, status, length) => this.#reply(slot, index, status, length),
      threw: (slot, index, error) => this.#threw(slot, index, error),
      chunk: (slot, index, value) => this.#returned(slot, index, value, CallStatus.MORE),
      enter: (index) => this.#watch[IN_CALL] = index + 1,
      leave: () => this.#watch[IN_CALL] = 0,
      await: (result, ok, failed) => this.#settle(result, ok, failed),
      over: (slot, index) => this.#over(slot, index),
    });
  }

  /** The slots by their number. */
  get slots(): readonly WorkerSlot[] {
    return this.#slots;
  }

  /** The package's functions, in the order of the manifest, and which of them give many results. */
  serve(functions: readonly PackageFunction[], streams: readonly StreamKind[] = []): void {
    this.#functions = functions;
    this.#streams = streams;
  }

  /** The sequence number of the last request that a slot took. */
  sequenceOf(slot: number): number {
    return this.#slots[slot]!.sequence;
  }

  /** Takes the next request, if there is one, and serves it. */
  serveNext(): boolean {
    const connection = this.#connection;
    if (!connection.poll()) {
      this.#idle = true;
      return false;
    }
    if (this.#idle) {
      this.#idle = false;
      this.#clock.began();
    }
    const completion = connection.completion;
    if (
      completion.opcode !== Opcode.RECEIVE_WRITE_IMMEDIATE || completion.status !== Status.SUCCESS
    ) {
      if (this.broken === "") this.broken = connection.reason || "the client sent what is no call";
      return false;
    }
    if (++this.#taken >= this.#repostEvery && connection.state === "connected") {
      this.#taken = 0;
      connection.postReceives(this.#repostEvery);
    }
    this.#serve(completion.immediate, completion.byteLength);
    if (this.#core !== undefined && this.pending === 0) this.#core.release();
    this.#clock.served();
    return true;
  }

  #serve(immediate: number, byteLength: number): void {
    const index = immediate & (MAX_DEPTH - 1);
    if (index >= this.#depth) return this.#refuse(index);
    const slot = this.#slots[index]!;
    const next = (slot.sequence + 1) | 0;
    const short = (immediate & SHORT_REQUEST) !== 0;
    // Read once: the client may write here at any time.
    const sequence = short ? next : slot.request[REQUEST_SEQUENCE]!;
    const length = short ? byteLength : slot.request[REQUEST_LENGTH]!;
    const toldUs = slot.request[REQUEST_TIME_LEFT_US]!;
    // None, which is 0, is the longest of all.
    const timeLeftUs = ((toldUs - 1) >>> 0) >= this.#callUs ? this.#callUs : toldUs;
    const capacity = slot.request[REQUEST_CAPACITY]!;
    const matches = short
      ? requestHasSequence(immediate, next)
      : immediate >>> 24 === 0 && sequence === next;
    if (slot.busy || !matches) {
      if (matches && slot.stream !== undefined && !slot.stream.advancing) {
        slot.sequence = sequence;
        return this.#continue(slot, index, requestFunction(immediate), timeLeftUs);
      }
      slot.reply[REPLY_SEQUENCE] = sequence;
      slot.reply[REPLY_LENGTH] = 0;
      return this.#refuse(index);
    }
    slot.sequence = sequence;
    if (length < 0 || length > this.#maxBytes || capacity < 0 || capacity > this.#maxBytes) {
      return this.#reply(slot, index, CallStatus.BAD_REQUEST, 0);
    }
    const functionIndex = requestFunction(immediate);
    const called = this.#functions[functionIndex];
    if (called === undefined) return this.#reply(slot, index, CallStatus.UNKNOWN_FUNCTION, 0);
    if (this.#core !== undefined && !this.#core.take()) {
      return this.#reply(slot, index, CallStatus.BUSY, 0);
    }
    slot.fit(length, capacity);
    if (timeLeftUs !== 0) this.#watchSlot(index, sequence, timeLeftUs);
    this.#watch[IN_CALL] = index + 1;
    let result: unknown;
    try {
      result = called(slot.input, slot.output);
    } catch (error) {
      this.#watch[IN_CALL] = 0;
      return this.#threw(slot, index, error);
    }
    this.#watch[IN_CALL] = 0;
    if (typeof result === "number") this.#returned(slot, index, result);
    else if (!this.#streams[functionIndex]) this.#await(slot, index, result);
    else {
      const sync = this.#streams[functionIndex] === StreamKind.SYNC;
      this.#streamServer.open(slot, index, result, sync);
    }
  }

  /** A request to a slot with an open stream. */
  #continue(slot: WorkerSlot, index: number, functionIndex: number, timeLeftUs: number): void {
    if (functionIndex === NEXT_CHUNK && this.#core !== undefined && !this.#core.take()) {
      return this.#reply(slot, index, CallStatus.BUSY, 0);
    }
    if (timeLeftUs !== 0) this.#watchSlot(index, slot.sequence, timeLeftUs);
    this.#streamServer.continue(slot, index, functionIndex);
  }

  /** Ends the streams of a client that has left. */
  abandonStreams(): void {
    for (let i = 0; i < this.#slots.length; i++) this.#streamServer.abandon(this.#slots[i]!, i);
  }

  #await(slot: WorkerSlot, index: number, result: unknown): void {
    slot.busy = true;
    this.#settle(result, (value) => {
      this.#over(slot, index);
      this.#returned(slot, index, value);
    }, (error) => {
      this.#over(slot, index);
      this.#threw(slot, index, error);
    });
  }

  /** Waits beside other calls. */
  #settle(result: unknown, ok: (value: unknown) => void, failed: (error: unknown) => void): void {
    this.pending++;
    const settled = () => {
      this.pending--;
      if (this.#core !== undefined && this.pending === 0) this.#core.release();
    };
    whenSettled(result, (value) => {
      settled();
      ok(value);
    }, (error) => {
      settled();
      failed(error);
    });
  }

  /** A call that took longer than its function's return is over. */
  #over(slot: WorkerSlot, index: number): void {
    slot.busy = false;
    if (this.#onSettled !== undefined) this.#onSettled(index);
  }

  /** @returns whether it was a result, answered with `status`; if not, it was answered by why. */
  #returned(
    slot: WorkerSlot,
    index: number,
    result: unknown,
    status: number = CallStatus.OK,
  ): boolean {
    if (typeof result !== "number" || !(result >= 0) || result % 1 !== 0) {
      const message = "Cannot take the function's result: it must return the bytes written, not";
      this.#threw(slot, index, new TypeFailure(`${message} ${shown(result)}`));
      return false;
    }
    if (slot.detached) {
      this.#lose(slot, index);
      return false;
    }
    if (result > slot.capacity) {
      const length = result > 0x7fffffff ? 0x7fffffff : result;
      this.#reply(slot, index, CallStatus.RESULT_TOO_LARGE, length);
      return false;
    }
    this.#reply(slot, index, status, result);
    return true;
  }

  #threw(slot: WorkerSlot, index: number, error: unknown): void {
    if (slot.detached) return this.#lose(slot, index);
    const length = writeFailure(error, slot.outputBuffer, 0, this.#layout.stride - PAYLOAD_AT);
    this.#reply(slot, index, CallStatus.THREW, length);
  }

  /** A function that detaches a slot's buffer has destroyed it for good: this thread can't map memory any more. */
  #lose(slot: WorkerSlot, index: number): void {
    this.broken = "a function detached the buffer of its slot";
    this.#reply(slot, index, CallStatus.THREW, 0);
  }

  #reply(slot: WorkerSlot, index: number, status: number, length: number): void {
    const at = SLOT_WATCH + index * SLOT_WATCH_WORDS + WATCH_TIME_LEFT_US;
    if (this.#watch[at] !== 0) this.#watch[at] = 0;
    const immediate = replyImmediate(index, status);
    // The length of a result that is not sent has no place but the header.
    if (status !== CallStatus.RESULT_TOO_LARGE) {
      return this.#send(index, PAYLOAD_AT, length, shortReply(immediate, slot.sequence));
    }
    slot.reply[REPLY_SEQUENCE] = slot.sequence;
    slot.reply[REPLY_LENGTH] = length;
    this.#send(index, HEADER_AT, HEADER_BYTES, immediate);
  }

  /** Answers a request that is none; no slot's turn is used up by it. */
  #refuse(index: number): void {
    this.#send(index, HEADER_AT, HEADER_BYTES, replyImmediate(index, CallStatus.BAD_REQUEST));
  }

  /** Sends `bytes` of the slot, from `from` on, to the same place at the client. */
  #send(index: number, from: number, bytes: number, immediate: number): void {
    const connection = this.#connection;
    if (connection.state !== "connected") return; // nobody is left to be told
    try {
      if (this.inPlace) return connection.notify(bytes, immediate);
      if (index >= this.#depth) return connection.writeImmediate(0, 0, 0, 0, 0, immediate, 0);
      const at = index * this.#layout.stride + from;
      const { address, rkey } = this.#remote;
      const local = this.#layout.outboundAt + at;
      connection.writeImmediate(0, local, bytes, address + at, rkey, immediate, 0);
    } catch { // only a client that asks on and on and takes no reply fills the queue
      if (this.broken === "") this.broken = connection.reason || "the client takes no replies";
    }
  }

  #watchSlot(index: number, sequence: number, timeLeftUs: number): void {
    const at = SLOT_WATCH + index * SLOT_WATCH_WORDS;
    this.#watch[at + WATCH_SEQUENCE] = sequence;
    this.#watch[at + WATCH_TIME_LEFT_US] = timeLeftUs;
  }
}

/** A value in a message; what it is made of may be foreign, so only its kind is told where it is no number. */
function shown(value: unknown): string {
  return typeof value === "number" ? `${value}` : value === null ? "null" : typeof value;
}
