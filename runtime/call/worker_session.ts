/** The client's connection to one worker: its slots, posting calls, matching replies. */

import type { Connection } from "../../fabric/fabric.ts";
import { atomicsLoad, atomicsStore } from "../../ffi/intrinsics.ts";
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
  type SlotMemory,
  STALE,
} from "./client_slot.ts";
import { FreeSlots } from "./free_slots.ts";
import { MessageReplies } from "./message_replies.ts";
import { ReplyLines } from "./reply_lines.ts";
import type { StackTranslator } from "./thrown_error.ts";
import { PLAIN, type Signature } from "../protocol/manifest.ts";
import { POLLS_PER_LOOK, POLLS_PER_LOOK_NETWORK, STREAM_END_MS } from "../policy.ts";
import {
  type ArenaLayout,
  BEGUN_AT,
  CallStatus,
  END_STREAM,
  GIVEN_UP_AT,
  HEADER_AT,
  HEADER_BYTES,
  NO_FUNCTION,
  PAYLOAD_AT,
  REQUEST_CAPACITY,
  REQUEST_TIME_LEFT,
  timeLeftOf,
  TRACE_AT,
  TRACE_BYTES,
} from "../protocol/wire.ts";
import { writeTrace } from "../protocol/trace_words.ts";
import type { TraceContext } from "../tracing/trace_context.ts";

/** What a client and a worker have agreed on in the handshake. */
export interface SessionTerms {
  /** The worker index. */
  readonly worker: number;
  readonly depth: number;
  readonly firstSequence: number;
  readonly layout: ArenaLayout;
  readonly ready: ReadyMessage;
  readonly translate: StackTranslator;
}

export class WorkerSession {
  /** The worker index. */
  readonly worker: number;
  readonly depth: number;
  readonly slots: readonly ClientSlot[];
  /** The index of each function in the package, by name. */
  readonly functions: ReadonlyMap<string, number>;
  /** Their codecs, by name. */
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly connection: Connection;
  /** Rewrites stacks of its functions. */
  readonly translate: StackTranslator;
  /** Polls of a spin between two checks of the clock, the lease and the peer. */
  readonly pollsPerLook: number;
  /** Whether the worker cannot run while this thread does: a wait sleeps at once. */
  readonly sharesCore: boolean;
  /** Calls in flight, also those that were given up. */
  outstanding = 0;
  /** Called when the reply of a call that was given up has freed a slot. */
  onFreed: (() => void) | null = null;
  /** Called when a call was given up: the worker may be stuck. */
  onOverdue: (() => void) | null = null;
  /**
   * A call was given up, and the worker has not replied since. The node may be about to end the executor, and calls that
   * are sent now would wait behind a stuck one, and be lost with it.
   */
  overdue = false;
  lost = false;
  /**
   * The slot of the call that most likely ended the worker, if a call did: the last that had begun, since a function that
   * keeps the thread lets no other begin. Where that is not known, the first that was sent.
   */
  suspect: ClientSlot | undefined;
  /** Another session replaces it: it takes no new calls, those in flight finish. */
  retiring = false;
  readonly #free: FreeSlots;
  /** By slot, the word that holds the sequence number of a call that was given up. */
  readonly #givenUp: Int32Array[];
  /** By slot, the word that holds the sequence number of the last call that has begun; empty where memory is not shared. */
  readonly #begun: readonly Int32Array[];
  /** How calls travel where it does not. */
  readonly #messages: MessageReplies;
  /** How calls are signaled where client and worker share memory. */
  readonly #lines: ReplyLines | undefined;
  /** Counts the calls that were sent, modulo 2^32. */
  #posts = 0;
  /** How often it began again from 0. */
  #rounds = 0;
  /** The last function that was looked up: most calls are of the same one, and a lookup takes 8 ns. */
  #lastName: string | undefined;
  #lastIndex = 0;
  /** Requests that are no calls: probes, ends of streams. */
  #probes = 0;
  /** By slot, the words of the trace; a slot has them from its first call with a trace on. */
  readonly #traces: Int32Array[] = [];
  /** The memory of a slot at the worker, or that from which it is written. */
  readonly #requestMemory: (slot: number, at: number, length: number) => ArrayBuffer;
  /** Makes buffers over the memory of a slot. */
  readonly #slotMemory: (slot: number) => SlotMemory;

  /** Takes ownership of the connection. Use {@linkcode attachWorker}. */
  constructor(connection: Connection, terms: SessionTerms) {
    const { depth, firstSequence, layout, ready } = terms;
    this.worker = terms.worker;
    this.depth = depth;
    this.connection = connection;
    this.translate = terms.translate;
    const entries = ready.functions.map((entry) =>
      typeof entry === "string" ? { name: entry, ...PLAIN } : entry
    );
    this.functions = new Map(entries.map(({ name }, i) => [name, i]));
    this.signatures = new Map(entries.map((entry) => [entry.name, entry]));
    const { shared } = connection;
    const remote = { address: ready.address, rkey: ready.rkey };
    const line = { layout, depth, remote, firstSequence };
    const lines = this.#lines = shared && new ReplyLines(connection, shared, line);
    this.#messages = new MessageReplies(connection, line);
    shared?.watch(() => lines!.ready());
    this.sharesCore = shared !== undefined && shared.sharesCore;
    this.pollsPerLook = this.sharesCore ? 1 : lines ? POLLS_PER_LOOK : POLLS_PER_LOOK_NETWORK;
    const payloadBytes = layout.stride - PAYLOAD_AT;
    const request = (i: number, at: number, length: number) =>
      shared
        ? shared.peerBuffer(ready.address + i * layout.stride + at, length, ready.rkey)
        : connection.buffer(layout.outboundAt + i * layout.stride + at, length);
    this.#requestMemory = request;
    const reply = (i: number, at: number, length: number) =>
      connection.buffer(layout.inboundAt + i * layout.stride + at, length);
    this.#slotMemory = (i) => ({
      input: request(i, PAYLOAD_AT, payloadBytes),
      output: reply(i, PAYLOAD_AT, payloadBytes),
      line: ready.inline ? lines?.buffers(i) : undefined,
    });
    this.slots = Array.from({ length: depth }, (_, i) =>
      new ClientSlot(
        i,
        firstSequence,
        request(i, HEADER_AT, HEADER_BYTES),
        reply(i, HEADER_AT, HEADER_BYTES),
        this.#slotMemory(i),
      ));
    this.#givenUp = this.slots.map(({ index }) => new Int32Array(request(index, GIVEN_UP_AT, 4)));
    this.#begun = shared
      ? this.slots.map(({ index }) => new Int32Array(request(index, BEGUN_AT, 4)))
      : [];
    this.#free = new FreeSlots(this.slots);
  }

  /** The index of a function in the package; `undefined` if there is none of this name. */
  indexOf(name: string): number | undefined {
    if (name === this.#lastName) return this.#lastIndex;
    const index = this.functions.get(name);
    if (index === undefined) return undefined;
    this.#lastName = name;
    return this.#lastIndex = index;
  }

  /** The calls that were sent, with their retries and the chunks of streams. */
  get sent(): number {
    return this.#rounds * 2 ** 32 + (this.#posts >>> 0) - this.#probes;
  }

  get freeSlots(): number {
    return this.#free.length;
  }

  /** Whether a call may be sent now. */
  get takesCalls(): boolean {
    return this.#free.length > 0 && !this.overdue;
  }

  /** Acquires a slot; `undefined` if none is free. */
  acquire(): ClientSlot | undefined {
    // In a program that never turns its event loop, nothing else takes the reply that frees a slot.
    if (this.#free.length === 0) { while (this.poll()); }
    const slot = this.#free.take();
    if (slot) slot.state = HELD;
    return slot;
  }

  /** Releases the slot of a prepared call, whose caller may have transferred its memory. */
  releasePrepared(slot: ClientSlot): void {
    if (this.connection.state === "connected" && slot.detached) {
      slot.renew(this.#slotMemory(slot.index));
    }
    this.release(slot);
  }

  /** Releases a slot. One with a call in flight stays out of use until the reply. */
  release(slot: ClientSlot): void {
    slot.waiter = null;
    slot.streaming = false;
    if (slot.state === OPEN) this.#dropStream(slot);
    else if (slot.state === POSTED) {
      slot.state = ABANDONED;
      this.#notifyGivenUp(slot);
      if (this.overdue || this.lost) return;
      this.overdue = true;
      this.onOverdue?.();
    } else if (slot.state === HELD || slot.state === DONE) {
      slot.state = FREE;
      this.#free.add(slot);
    }
  }

  /** Sends the call whose argument is in the slot. The caller has checked the numbers. */
  post(
    slot: ClientSlot,
    functionIndex: number,
    length: number,
    timeLeft: number,
    capacity: number,
  ): void {
    slot.sequence = (slot.sequence + 1) | 0;
    if ((slot.order = this.#posts = (this.#posts + 1) | 0) === 0) this.#rounds++;
    slot.capacity = capacity;
    // Both words are on a cache line of the slot that moves to the worker only when they change.
    const same = slot.sentTimeLeft === timeLeft && slot.sentCapacity === capacity;
    if (!same) {
      slot.request[REQUEST_TIME_LEFT] = slot.sentTimeLeft = timeLeft;
      slot.request[REQUEST_CAPACITY] = slot.sentCapacity = capacity;
    }
    if (this.#lines !== undefined) this.#lines.post(slot, functionIndex, length);
    else this.#messages.post(slot, functionIndex, length, same);
    slot.state = POSTED;
    this.outstanding++;
  }

  /** Sends the trace of the next call in this slot. */
  carryTrace(slot: ClientSlot, trace: TraceContext): void {
    const { index } = slot;
    const words = this.#traces[index] ??= new Int32Array(
      this.#requestMemory(index, TRACE_AT, TRACE_BYTES),
    );
    writeTrace(words, (slot.sequence + 1) | 0, trace);
    if (this.#lines === undefined) this.#messages.carryTrace(slot);
  }

  /** Sends a call of no function in a free slot, unless it is the last one: its reply shows that the worker is not stuck. */
  probe(): void {
    if (this.#free.length < 2) return;
    const slot = this.#free.take()!;
    this.#probes++;
    try {
      this.post(slot, NO_FUNCTION, 0, 0, 0);
    } catch { /* the connection is lost */ }
    slot.state = ABANDONED;
  }

  /** Requests the end of an open stream. */
  endStream(slot: ClientSlot): void {
    this.#probes++;
    this.post(slot, END_STREAM, 0, timeLeftOf(STREAM_END_MS), slot.capacity);
  }

  /** Ends a stream that was given up. Its slot stays out of use until the reply. */
  #dropStream(slot: ClientSlot): void {
    try {
      this.endStream(slot);
    } catch { /* the connection is lost, and the stream with it */ }
    slot.state = ABANDONED;
  }

  /** Marks a call as given up: the worker frees its slot, and fires the signal of its function. */
  #notifyGivenUp(slot: ClientSlot): void {
    const word = this.#givenUp[slot.index]!;
    atomicsStore(word, 0, slot.sequence);
    if (this.#lines === undefined) this.#messages.giveUp(slot);
    else if (this.connection.state === "connected") this.connection.shared!.wake();
  }

  /** Takes the next reply. Returns false if there is none. */
  poll(): boolean {
    const slot = this.#lines !== undefined
      ? this.#lines.take(this.slots)
      : this.#messages.take(this.slots);
    if (slot === undefined) return false;
    this.#answered(slot);
    return true;
  }

  /** The reply of a slot has arrived. */
  #answered(slot: ClientSlot): void {
    this.outstanding--;
    if (slot.state === ABANDONED) {
      if (slot.status === CallStatus.MORE) return this.#dropStream(slot); // a stream that was given up goes on
      slot.state = FREE;
      this.#free.add(slot);
      this.overdue = false;
      this.onFreed?.();
      return;
    }
    const wasOverdue = this.overdue;
    this.overdue = false;
    slot.state = DONE;
    if (slot.waiter !== null) slot.waiter.onReply();
    if (wasOverdue) this.onFreed?.();
  }

  /** Moves this thread off the worker's core, if it may run on another one. Returns whether it moved. */
  leaveCore(): boolean {
    const { shared } = this.connection;
    return shared !== undefined && shared.leaveCore();
  }

  /** Takes no new calls from this on. */
  retire(): void {
    this.retiring = true;
    for (const slot of this.slots) if (slot.state === HELD) slot.state = STALE;
  }

  /** Whether a call is in flight whose end frees its slot. Prepared calls and streams keep theirs. */
  get freesSlots(): boolean {
    return this.slots.some(({ state, streaming }) =>
      (state === POSTED || state === ABANDONED) && !streaming
    );
  }

  /** Whether a caller waits for a call, or has not read its result yet. */
  get busy(): boolean {
    return this.slots.some(({ state }) => state === POSTED || state === DONE || state === OPEN);
  }

  /** Closes the connection. Calls in flight are lost, and their waiters are called. */
  close(): void {
    if (this.lost) return;
    this.lost = true;
    const isGone = this.connection.shared?.isPeerGone() === true; // else it may begin a call at any time
    for (const slot of this.slots) {
      if (slot.state !== POSTED && slot.state !== ABANDONED) continue;
      slot.mayHaveBegun = !isGone || atomicsLoad(this.#begun[slot.index]!, 0) === slot.sequence;
      if (!slot.mayHaveBegun) continue;
      const ahead = this.suspect ? (this.suspect.order - slot.order) | 0 : 0;
      if (!this.suspect || (isGone ? ahead < 0 : ahead > 0)) this.suspect = slot;
    }
    for (const slot of this.slots) {
      const { waiter, state } = slot;
      slot.waiter = null;
      slot.state = LOST;
      if (state === POSTED) waiter?.onReply();
    }
    this.#free.clear();
    this.outstanding = 0;
    this.connection.close();
  }
}
