/** A call whose results come one by one: it keeps its slot from the first chunk to the last. */

import { impossibleLength, replyError, unknownFunction } from "./call_errors.ts";
import type { InvokeOptions } from "./call_task.ts";
import { copyOut } from "./copy_out.ts";
import { type ClientSlot, DONE, OPEN, POSTED, type SlotWaiter } from "./client_slot.ts";
import { BUSY_PAUSE_MS, STREAM_END_MS } from "../policy.ts";
import { endInTime, type WaitingCall } from "./waiting_call.ts";
import { CallStatus, END_STREAM, NEXT_CHUNK, timeLeftUs } from "../protocol/wire.ts";
import type { WorkerSession } from "./worker_session.ts";

/** Options of {@linkcode Lease.stream}: the deadline and the signal are for the whole stream. */
export type StreamOptions = Omit<InvokeOptions, "output">;

/** What a stream needs of its lease. */
export interface StreamHost {
  readonly maxBytes: number;
  submit(task: StreamTask): void;
  /** Starts taking replies. */
  kick(): void;
  /** It has given its slot back. */
  onFree(): void;
  /** Its connection went; it is not settled then. */
  taskLost(task: StreamTask): void;
  /** The worker had no core for it, and nothing ran; likewise not settled. */
  taskBusy(task: StreamTask): void;
}

/** What somebody waits for: a chunk, or `undefined` for the end. */
type Waiter = PromiseWithResolvers<Uint8Array<ArrayBuffer> | undefined>;

export class StreamTask implements WaitingCall, SlotWaiter {
  readonly name: string;
  readonly worker: number | undefined;
  attempts = 0;
  refusals = 0;
  busyNodes: Set<string> | undefined;
  settled = false;
  /** A copy: the caller may reuse its memory. */
  readonly #input: Uint8Array;
  #chunks = 0;
  #waiter: Waiter | undefined;
  /** How it failed while nobody waited. */
  #failure: { readonly error: unknown } | undefined;
  #session: WorkerSession | undefined;
  #slot: ClientSlot | undefined;
  readonly #host: StreamHost;
  readonly #untilMs: number;
  /** Forgets its deadline and its signal. */
  readonly #letBe: (() => void) | undefined;

  constructor(host: StreamHost, name: string, input: Uint8Array, options: StreamOptions) {
    this.#host = host;
    this.name = name;
    this.worker = options.worker;
    this.#input = new Uint8Array(input); // `slice` of a Buffer of Node copies nothing
    const { deadlineMs } = options;
    this.#untilMs = deadlineMs === undefined ? Infinity : performance.now() + deadlineMs;
    this.#letBe = endInTime(this, options);
  }

  get session(): WorkerSession | undefined {
    return this.#session;
  }

  get repeatable(): boolean {
    return this.#chunks === 0;
  }

  keepInput(): void {} // it has its own

  post(session: WorkerSession, slot: ClientSlot, functionIndex: number): void {
    this.attempts++;
    this.#session = session;
    this.#slot = slot;
    slot.input.set(this.#input);
    slot.streaming = true;
    this.#send(functionIndex, this.#input.length);
  }

  /** Asks for the next chunk; gives `undefined` at the end. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#failure) return Promise.reject(this.#failure.error);
    const waiter = this.#waiter = Promise.withResolvers();
    if (this.#chunks === 0) this.#host.submit(this);
    else this.#ask();
    return waiter.promise;
  }

  /**
   * Ends the stream if it has not ended, and waits until the generator's `finally` has run, for a bounded time.
   *
   * @throws {FunctionError} what `finally` threw.
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
      this.#session!.post(slot, END_STREAM, 0, timeLeftUs(STREAM_END_MS), slot.capacity);
      this.#host.kick();
      await promise;
    } catch {
      // the connection is gone, and the generator with it
    } finally {
      clearTimeout(timer);
    }
    const answered = (slot.state as number) === DONE; // by now, or the time is up
    const error = answered && slot.status !== CallStatus.OK
      ? replyError(slot, this.name)
      : undefined;
    this.#release();
    if (error) throw error;
  }

  fail(error: unknown, overdue = false): void {
    if (this.settled) return;
    this.#settle();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter) waiter.reject(error);
    else this.#failure = { error };
    this.#release(overdue && this.#slot?.state === POSTED);
  }

  failUnknown(functions: readonly string[]): void {
    this.fail(unknownFunction(this.name, functions));
  }

  #send(functionIndex: number, length: number): void {
    const slot = this.#slot!;
    const leftMs = this.#untilMs - performance.now();
    slot.waiter = this;
    this.#session!.post(
      slot,
      functionIndex,
      length,
      leftMs === Infinity ? 0 : timeLeftUs(leftMs),
      this.#host.maxBytes,
    );
  }

  readonly #ask = () => {
    if (this.settled) return;
    try {
      this.#send(NEXT_CHUNK, 0);
      this.#host.kick();
    } catch {
      this.#slot = undefined; // the connection is gone
      this.#host.taskLost(this);
    }
  };

  /** The slot's reply is there, or its connection is gone. */
  onReply(): void {
    const slot = this.#slot!;
    if (slot.state !== DONE) {
      this.#slot = undefined;
      return this.#host.taskLost(this);
    }
    if (slot.status === CallStatus.MORE) return this.#chunk(slot);
    if (slot.status === CallStatus.BUSY) return this.#busy(slot);
    if (slot.status !== CallStatus.OK) return this.fail(replyError(slot, this.name));
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
    waiter.resolve(copyOut(slot.output, slot.length));
  }

  /** All cores of the node are busy: the first chunk may come from another worker, the others can't. */
  #busy(slot: ClientSlot): void {
    if (this.#chunks > 0) {
      slot.state = OPEN;
      setTimeout(this.#ask, BUSY_PAUSE_MS);
      return;
    }
    this.attempts--;
    this.refusals++;
    this.#release();
    this.#host.taskBusy(this);
  }

  #settle(): void {
    this.settled = true;
    this.#letBe?.();
  }

  #release(overdue = false): void {
    const slot = this.#slot;
    if (!slot) return;
    this.#slot = undefined;
    const free = slot.state === DONE;
    const session = this.#session!;
    session.release(slot, overdue);
    if (free) this.#host.onFree();
    else this.#host.kick(); // the answer that frees it must be taken
  }
}

/** The chunks of a stream; leaving the loop ends it. */
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
