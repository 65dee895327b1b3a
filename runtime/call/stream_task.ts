/** A call with many results, one by one. It keeps its slot from the first chunk to the last. */

import { impossibleLength, replyError, unknownFunction } from "./call_errors.ts";
import type { InvokeOptions, TaskHost } from "./call_task.ts";
import { copyOut } from "./copy_out.ts";
import { type ClientSlot, DONE, LOST, OPEN, type SlotWaiter } from "./client_slot.ts";
import { BUSY_PAUSE_MS, STREAM_END_MS } from "../policy.ts";
import { armDeadline, type WaitingCall } from "./waiting_call.ts";
import { CallStatus, NEXT_CHUNK, timeLeftOf } from "../protocol/wire.ts";
import type { TraceContext } from "../tracing/trace_context.ts";
import type { WorkerSession } from "./worker_session.ts";

/** Options of {@linkcode Lease.stream}. The deadline and the signal apply to the whole stream. */
export type StreamOptions = Omit<InvokeOptions, "output">;

/** What a stream needs of its lease. */
export interface StreamHost extends TaskHost {
  /** Posts the first request, or queues the call. */
  submit(task: WaitingCall): void;
  /** Starts polling for replies. */
  kick(): void;
}

/** The promise of the next chunk, or of `undefined` for the end. */
type Waiter = PromiseWithResolvers<Uint8Array<ArrayBuffer> | undefined>;

export class StreamTask implements WaitingCall, SlotWaiter {
  readonly name: string;
  readonly worker: number | undefined;
  attempts = 0;
  readonly deadlineMs: number;
  readonly untilMs: number;
  refusals = 0;
  busyNodes: Set<string> | undefined;
  trace: TraceContext | undefined;
  settled = false;
  /** A copy, since the caller may reuse its memory. */
  readonly #input: Uint8Array;
  #chunks = 0;
  #waiter: Waiter | undefined;
  /** How it failed while no chunk was requested. */
  #failure: { readonly error: unknown } | undefined;
  #session: WorkerSession | undefined;
  #slot: ClientSlot | undefined;
  #lastSlot: ClientSlot | undefined;
  readonly #host: StreamHost;
  /** Disarms its deadline and its signal. */
  readonly #disarm: (() => void) | undefined;

  constructor(host: StreamHost, name: string, input: Uint8Array, options: StreamOptions) {
    this.#host = host;
    this.name = name;
    this.worker = options.worker;
    this.#input = new Uint8Array(input); // `slice` of a Node Buffer does not copy
    const { deadlineMs = Infinity } = options;
    this.deadlineMs = deadlineMs;
    this.untilMs = deadlineMs === Infinity ? Infinity : performance.now() + deadlineMs;
    this.#disarm = armDeadline(this, options);
  }

  get session(): WorkerSession | undefined {
    return this.#session;
  }

  get repeatable(): boolean {
    return this.#chunks === 0;
  }

  get slot(): ClientSlot | undefined {
    return this.#lastSlot;
  }

  keepInput(): void {} // it has a copy

  post(session: WorkerSession, slot: ClientSlot, functionIndex: number): void {
    this.attempts++;
    if (this.attempts + this.refusals > 1) this.#host.stats.retried();
    this.#session = session;
    this.#slot = this.#lastSlot = slot;
    slot.inputFor(this.#input.length).set(this.#input);
    slot.streaming = true;
    this.#send(functionIndex, this.#input.length);
  }

  /** Requests the next chunk. Resolves with `undefined` at the end. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#failure) return Promise.reject(this.#failure.error);
    const waiter = this.#waiter = Promise.withResolvers();
    if (this.#chunks === 0) this.#host.submit(this);
    else this.#requestChunk();
    return waiter.promise;
  }

  /**
   * Ends the stream if it has not ended, and waits until the generator's `finally` has run, for STREAM_END_MS at most.
   *
   * @throws {FunctionError} When `finally` threw.
   */
  async end(): Promise<void> {
    if (this.settled) return;
    this.#settle();
    const slot = this.#slot;
    if (!slot || slot.state !== OPEN) return this.#release();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, STREAM_END_MS);
    try {
      slot.waiter = { onReply: resolve };
      this.#session!.endStream(slot);
      this.#host.kick();
      await promise;
    } catch {
      // the connection is gone, and the generator with it
    } finally {
      clearTimeout(timer);
    }
    const answered = (slot.state as number) === DONE; // else the time is over
    const error = answered && slot.status !== CallStatus.OK
      ? replyError(slot, this.name, this.#session!.translate)
      : undefined;
    this.#release();
    if (error) throw this.#host.stats.failed(error);
  }

  fail(error: unknown): void {
    if (this.settled) return;
    this.#settle();
    this.#host.stats.failed(error);
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter) waiter.reject(error);
    else this.#failure = { error };
    this.#release();
  }

  failUnknown(functions: readonly string[]): void {
    this.fail(unknownFunction(this.name, functions));
  }

  #send(functionIndex: number, length: number): void {
    const slot = this.#slot!;
    const leftMs = this.untilMs - performance.now();
    slot.waiter = this;
    this.#session!.post(
      slot,
      functionIndex,
      length,
      leftMs === Infinity ? 0 : timeLeftOf(leftMs),
      this.#host.maxBytes,
    );
  }

  readonly #requestChunk = () => {
    if (this.settled) return;
    if (this.#slot!.state === LOST) return this.#lost();
    this.#host.stats.continued(); // its session counts a request also if the connection is gone
    try {
      this.#send(NEXT_CHUNK, 0);
      this.#host.kick();
    } catch {
      this.#lost();
    }
  };

  onReply(): void {
    const slot = this.#slot!;
    if (slot.state !== DONE) return this.#lost();
    if (slot.status === CallStatus.MORE) return this.#chunk(slot);
    if (slot.status === CallStatus.BUSY) return this.#busy(slot);
    if (slot.status !== CallStatus.OK) {
      return this.fail(replyError(slot, this.name, this.#session!.translate));
    }
    const waiter = this.#waiter!;
    this.#waiter = undefined;
    this.#settle();
    this.#release();
    waiter.resolve(undefined);
  }

  #chunk(slot: ClientSlot): void {
    slot.state = OPEN;
    if (slot.length < 0 || slot.length > slot.capacity) {
      return this.fail(impossibleLength(this.name, slot));
    }
    this.#chunks++;
    const waiter = this.#waiter!;
    this.#waiter = undefined;
    waiter.resolve(copyOut(slot.outputFor(slot.capacity), slot.length));
  }

  /** All cores of the node are busy. Another worker may produce the first chunk, but no later one. */
  #busy(slot: ClientSlot): void {
    if (this.#chunks > 0) {
      slot.state = OPEN;
      setTimeout(this.#requestChunk, BUSY_PAUSE_MS);
      return;
    }
    this.attempts--;
    this.refusals++;
    this.#release();
    this.#host.taskBusy(this);
  }

  /** The connection is gone. */
  #lost(): void {
    this.#slot = undefined;
    this.#host.taskLost(this);
  }

  #settle(): void {
    this.settled = true;
    this.#disarm?.();
  }

  #release(): void {
    const slot = this.#slot;
    if (!slot) return;
    this.#slot = undefined;
    const free = slot.state === DONE;
    const session = this.#session!;
    session.release(slot);
    if (free) this.#host.onFree();
    else this.#host.kick(); // so that the pump takes the reply that frees it
  }
}

/** Iterates over the chunks of a stream. Leaving the loop ends the stream. */
export async function* readStream(
  open: () => StreamTask,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const task = open();
  try {
    for (;;) {
      const chunk = await task.next();
      if (chunk === undefined) return;
      yield chunk;
    }
  } finally {
    await task.end();
  }
}
