/** The worker's half of a call: takes requests, runs functions, and sends replies. */

import type { Connection } from "../../../fabric/fabric.ts";
import {
  CallStatus,
  NEXT_CHUNK,
  PAYLOAD_AT,
  REQUEST_CAPACITY,
  REQUEST_TIME_LEFT,
  shorterTime,
  timeLeftMs,
} from "../../protocol/wire.ts";
import { GIVEN_UP_LOOK_MS, OVERRUN_MS } from "../../policy.ts";
import type { CoreToken } from "../core_token.ts";
import { writeFailure } from "./failure.ts";
import { whenSettled } from "./foreign_promise.ts";
import { ForgottenFunctions, FunctionRun, RunState } from "./forgotten_functions.ts";
import type { PackageFunction } from "../package/package_function.ts";
import { StreamKind } from "../package/stream_kind.ts";
import { MessageRequests } from "./message_requests.ts";
import { RequestLines } from "./request_lines.ts";
import type { Requests } from "./requests.ts";
import { StreamServer } from "./stream_server.ts";
import {
  IN_CALL,
  SLOT_WATCH,
  SLOT_WATCH_WORDS,
  UNLIMITED,
  WATCH_SEQUENCE,
  WATCH_TIME_LEFT,
} from "../watch_words.ts";
import type { WorkClock } from "./work_clock.ts";
import { makeSlots, type SlotTerms, type WorkerSlot } from "./worker_slot.ts";

/** What a {@linkcode CallServer} needs of its lease and its client. */
export interface ServerOptions extends SlotTerms {
  readonly maxBytes: number;
  /** Whether functions accept arguments and results that are not in the slots; see {@linkcode ReadyMessage}. */
  readonly inline: boolean;
  /** The longest that a call may take, as a word of wire.ts. */
  readonly longest: number;
  /** The words of watch_words.ts. */
  readonly watch: Int32Array;
  readonly clock: WorkClock;
  /** Held while a function runs, on nodes whose leased workers outnumber the cores. */
  readonly core?: CoreToken;
  /** Called when a call ends whose function did not return its result at once. */
  readonly onSettled?: (slot: number) => void;
  /** Called when the client has given up a call whose function did not return its result at once. */
  readonly onGivenUp?: (slot: number) => void;
}

// Bound before foreign code loads: it may replace properties of the global object.
const TypeFailure = TypeError;

/** Serves the calls of one connection on the worker's thread. */
export class CallServer {
  /** The number of promises of functions that have not settled. */
  pending = 0;
  /** Whether functions accept arguments and results that are not in the slots. */
  readonly inline: boolean;
  /** Whether client and functions work on the same memory. */
  readonly inPlace: boolean;
  readonly #payloadBytes: number;
  readonly #maxBytes: number;
  readonly #longest: number;
  readonly #requests: Requests;
  readonly #slots: readonly WorkerSlot[];
  readonly #watch: Int32Array;
  readonly #clock: WorkClock;
  readonly #core: CoreToken | undefined;
  readonly #onSettled: ((slot: number) => void) | undefined;
  readonly #onGivenUp: ((slot: number) => void) | undefined;
  readonly #forgotten: ForgottenFunctions;
  /** When the slots were last searched for calls that were given up. */
  #searchedMs = -Infinity;
  #functions: readonly PackageFunction[] = [];
  #streams: readonly StreamKind[] = [];
  readonly #streamServer: StreamServer;
  /** Whether the last poll was empty. */
  #idle = true;
  #broken = "";

  constructor(connection: Connection, options: ServerOptions) {
    this.inline = options.inline;
    this.#payloadBytes = options.layout.stride - PAYLOAD_AT;
    this.#maxBytes = options.maxBytes;
    this.#longest = options.longest;
    this.#watch = options.watch;
    this.#clock = options.clock;
    this.#core = options.core;
    this.#onSettled = options.onSettled;
    this.#onGivenUp = options.onGivenUp;
    this.#forgotten = new ForgottenFunctions(options.watch);
    const { shared } = connection;
    this.inPlace = shared !== undefined;
    const lines = shared && new RequestLines(connection, shared, options);
    this.#requests = lines ?? new MessageRequests(connection, options);
    this.#slots = makeSlots(connection, options, options.inline ? lines?.buffers : undefined);
    shared?.watch(() => lines!.ready(this.#slots));
    this.#streamServer = new StreamServer({
      reply: (slot, index, status, length) => this.#reply(slot, index, status, length),
      threw: (slot, index, error) => this.#threw(slot, index, error),
      chunk: (slot, index, value) => this.#returned(slot, index, value, CallStatus.MORE),
      enter: (index) => this.#watch[IN_CALL] = index + 1,
      leave: () => this.#watch[IN_CALL] = 0,
      await: (slot, result, ok, failed) => this.#settle(slot, result, ok, failed),
      over: (slot, index) => this.#over(slot, index),
    });
  }

  /** Why no more calls can be served; empty while calls can be served. */
  get broken(): string {
    return this.#broken || this.#requests.broken;
  }

  /** The slots, by slot index. */
  get slots(): readonly WorkerSlot[] {
    return this.#slots;
  }

  /** Sets the package's functions, in the order of the manifest, and the stream kind of each. */
  serve(functions: readonly PackageFunction[], streams: readonly StreamKind[] = []): void {
    this.#functions = functions;
    this.#streams = streams;
  }

  /** Returns the sequence number of the last request taken in a slot. */
  sequenceOf(slot: number): number {
    return this.#slots[slot]!.sequence;
  }

  /** Serves the next request. Returns `false` when there is none, or when the connection broke. */
  serveNext(): boolean {
    const requests = this.#requests;
    const index = requests.take(this.#slots);
    if (index < 0) {
      if (this.#idle) this.#clock.polled();
      else {
        this.#idle = true;
        this.#clock.waits();
      }
      return false;
    }
    if (this.#idle) {
      this.#idle = false;
      this.#clock.arrived();
    }
    this.#serve(this.#slots[index]!, index, requests);
    if (this.#core !== undefined && this.pending === 0) this.#core.release();
    this.#clock.served();
    return true;
  }

  /** Checks, once every many polls, what a poll does not. */
  look(): void {
    this.#requests.look();
  }

  /** The time that a call may take: what its client allows or the node's limit, whichever is less. */
  #timeLeft(slot: WorkerSlot): number {
    const requested = slot.request[REQUEST_TIME_LEFT]!;
    return this.#longest === 0 ? requested : shorterTime(requested, this.#longest);
  }

  #serve(slot: WorkerSlot, index: number, request: Requests): void {
    const { functionIndex, length, inlined } = request;
    const timeLeft = this.#timeLeft(slot);
    const sequence = slot.sequence = slot.next;
    if (slot.busy) return this.#continue(slot, index, functionIndex, timeLeft);
    if (slot.isGivenUp(sequence)) return this.#reply(slot, index, CallStatus.GIVEN_UP, 0);
    const capacity = slot.request[REQUEST_CAPACITY]!; // read once, as the others
    const fits = length <= this.#maxBytes && (!inlined || slot.fitsLine(length));
    if (length < 0 || !fits || capacity < 0 || capacity > this.#maxBytes) {
      return this.#reply(slot, index, CallStatus.BAD_REQUEST, 0);
    }
    const called = this.#functions[functionIndex];
    if (called === undefined) return this.#reply(slot, index, CallStatus.UNKNOWN_FUNCTION, 0);
    if (this.#core !== undefined && !this.#core.take()) {
      return this.#reply(slot, index, CallStatus.BUSY, 0);
    }
    slot.fit(length, capacity, inlined);
    this.#watchSlot(index, sequence, timeLeft);
    slot.begun[0] = sequence;
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

  /** Serves a request to a slot with an open stream. */
  #continue(slot: WorkerSlot, index: number, functionIndex: number, timeLeft: number): void {
    if (functionIndex === NEXT_CHUNK && this.#core !== undefined && !this.#core.take()) {
      return this.#reply(slot, index, CallStatus.BUSY, 0);
    }
    this.#watchSlot(index, slot.sequence, timeLeft);
    slot.begun[0] = slot.sequence;
    this.#streamServer.continue(slot, index, functionIndex);
  }

  /** Ends the open streams, after the client has left. */
  abandonStreams(): void {
    for (let i = 0; i < this.#slots.length; i++) this.#streamServer.abandon(this.#slots[i]!, i);
  }

  /**
   * Ends the calls whose functions have not settled by an error, and goes on without them.
   *
   * @returns their number.
   */
  failPending(error: unknown): number {
    let failed = 0;
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i]!;
      if (!slot.busy || (slot.stream !== undefined && !slot.stream.advancing)) continue;
      failed++;
      this.#over(slot, i);
      if (slot.detached) {
        this.#lose(slot, i);
        break;
      }
      slot.revoke();
      slot.run!.state = RunState.DROPPED;
      this.#settled();
      this.#threw(slot, i, error);
    }
    return failed;
  }

  /**
   * Ends the calls that the client has given up though their functions have not settled. These run on without the slots,
   * which serve other calls. A stream keeps its slot.
   */
  endGivenUp(atMs: number): void {
    if (atMs - this.#searchedMs < GIVEN_UP_LOOK_MS) return;
    this.#searchedMs = atMs;
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i]!;
      if (!slot.busy) continue;
      const run = slot.run!;
      if (run.seenMs < 0) run.seenMs = atMs;
      if (!slot.isGivenUp(slot.sequence)) continue;
      const isForgotten = slot.stream === undefined && this.#forget(slot, i, run, atMs);
      if (this.#onGivenUp !== undefined) this.#onGivenUp(i);
      if (isForgotten && this.#onSettled !== undefined) this.#onSettled(i);
    }
  }

  /** Frees the slot of a call that was given up, unless too many functions run on already. */
  #forget(slot: WorkerSlot, index: number, run: FunctionRun, atMs: number): boolean {
    if (slot.detached) return false; // it is lost when the function returns
    const limit = this.#watch[SLOT_WATCH + index * SLOT_WATCH_WORDS + WATCH_TIME_LEFT]!;
    const isLate = limit !== UNLIMITED && atMs - run.seenMs + OVERRUN_MS > timeLeftMs(limit);
    if (!this.#forgotten.add(run, isLate ? limit : UNLIMITED, atMs)) return false;
    slot.revoke();
    slot.busy = false;
    this.#reply(slot, index, CallStatus.GIVEN_UP, 0);
    return true;
  }

  #await(slot: WorkerSlot, index: number, result: unknown): void {
    slot.busy = true;
    this.#settle(slot, result, (value) => {
      this.#over(slot, index);
      this.#returned(slot, index, value);
    }, (error) => {
      this.#over(slot, index);
      this.#threw(slot, index, error);
    });
  }

  /**
   * Counts `result` as pending until it settles; other calls are served meanwhile.
   *
   * @param slot the slot of the call that waits for it; left out if none does.
   */
  #settle(
    slot: WorkerSlot | undefined,
    result: unknown,
    ok: (value: unknown) => void,
    failed: (error: unknown) => void,
  ): void {
    this.pending++;
    const run = new FunctionRun();
    if (slot !== undefined) slot.run = run;
    whenSettled(result, (value) => {
      if (this.#isAwaited(run)) ok(value);
    }, (error) => {
      if (this.#isAwaited(run)) failed(error);
    });
  }

  /** A function has settled. Returns whether its call waits for it. */
  #isAwaited(run: FunctionRun): boolean {
    if (run.state === RunState.DROPPED) return false;
    this.#settled();
    if (run.state === RunState.AWAITED) return true;
    this.#forgotten.remove(run);
    return false;
  }

  #settled(): void {
    this.pending--;
    if (this.#core !== undefined && this.pending === 0) this.#core.release();
  }

  /** Frees the slot of a call that went on after its function had returned. */
  #over(slot: WorkerSlot, index: number): void {
    slot.busy = false;
    if (this.#onSettled !== undefined) this.#onSettled(index);
  }

  /**
   * Replies with a result of `result` bytes, or with the reason why `result` is not a valid result.
   *
   * @returns whether the result was valid and `status` was sent.
   */
  #returned(
    slot: WorkerSlot,
    index: number,
    result: unknown,
    status: number = CallStatus.OK,
  ): boolean {
    if (typeof result !== "number" || !(result >= 0) || result % 1 !== 0) {
      const message = "Cannot use the function's result: expected the number of bytes written, got";
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
    const length = writeFailure(error, slot.outputBuffer, 0, this.#payloadBytes);
    this.#reply(slot, index, CallStatus.THREW, length);
  }

  /** Stops serving: a detached buffer is lost for good, since this thread has given up the right to map memory. */
  #lose(slot: WorkerSlot, index: number): void {
    this.#broken = "a function detached the buffer of its slot";
    this.#reply(slot, index, CallStatus.THREW, 0);
  }

  #reply(slot: WorkerSlot, index: number, status: number, length: number): void {
    this.#watch[SLOT_WATCH + index * SLOT_WATCH_WORDS + WATCH_TIME_LEFT] = 0;
    this.#requests.reply(slot, index, status, length);
  }

  #watchSlot(index: number, sequence: number, timeLeft: number): void {
    const at = SLOT_WATCH + index * SLOT_WATCH_WORDS;
    this.#watch[at + WATCH_SEQUENCE] = sequence;
    this.#watch[at + WATCH_TIME_LEFT] = timeLeft === 0 ? UNLIMITED : timeLeft;
  }
}

/** Returns a value as text for a message. A value that is not a number may be foreign: only its type is shown. */
function shown(value: unknown): string {
  return typeof value === "number" ? `${value}` : value === null ? "null" : typeof value;
}
