/** One call that its caller awaits: from the queue for a free slot to its reply. */

import { impossibleLength, replyError, unknownFunction } from "./call_errors.ts";
import { copyOut } from "./copy_out.ts";
import { type ClientSlot, DONE, POSTED, type SlotWaiter } from "./client_slot.ts";
import { endInTime, type WaitingCall } from "./waiting_call.ts";
import { CallStatus, timeLeftUs } from "../protocol/wire.ts";
import type { WorkerSession } from "./worker_session.ts";

/** Options of {@linkcode Lease.invoke}. */
export interface InvokeOptions {
  /** Gives the call up; its promise rejects with the signal's reason at once. */
  signal?: AbortSignal;
  /** Milliseconds from now; then the promise rejects with {@linkcode DeadlineExceeded}. */
  deadlineMs?: number;
  /** The worker that is to run it; the one with most free slots if left out, the first of equals. */
  worker?: number;
  /** Where to put the result; the promise gives the part of it that was filled. */
  output?: Uint8Array;
}

export class CallTask implements WaitingCall, SlotWaiter {
  readonly promise: Promise<Uint8Array>;
  readonly name: string;
  readonly worker: number | undefined;
  /** Times it was posted. */
  attempts = 0;
  /** Times a worker had no core for it. */
  refusals = 0;
  /** The nodes that had none, since the last pause. */
  busyNodes: Set<string> | undefined;
  settled = false;
  readonly repeatable = true;
  #input: Uint8Array;
  #kept = false;
  readonly #output: Uint8Array | undefined;
  readonly #capacity: number;
  readonly #untilMs: number;
  /** Forgets its deadline and its signal. */
  readonly #letBe: (() => void) | undefined;
  #session: WorkerSession | undefined;
  #slot: ClientSlot | undefined;
  #resolve!: (result: Uint8Array) => void;
  #reject!: (error: unknown) => void;
  readonly #onFree: () => void;
  readonly #onLost: (task: CallTask) => void;
  readonly #onBusy: (task: CallTask) => void;

  /**
   * @param onFree called when the task has given its slot back.
   * @param onLost called when the connection went while the call was under way; the task is not settled then.
   * @param onBusy called when the worker had no core for the call, which then did not run; likewise not settled.
   */
  constructor(
    name: string,
    input: Uint8Array,
    maxBytes: number,
    options: InvokeOptions,
    onFree: () => void,
    onLost: (task: CallTask) => void,
    onBusy: (task: CallTask) => void,
  ) {
    this.name = name;
    this.worker = options.worker;
    this.#input = input;
    this.#output = options.output;
    this.#capacity = Math.min(maxBytes, options.output?.length ?? maxBytes);
    this.#onFree = onFree;
    this.#onLost = onLost;
    this.#onBusy = onBusy;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { deadlineMs } = options;
    this.#untilMs = deadlineMs === undefined ? Infinity : performance.now() + deadlineMs;
    this.#letBe = endInTime(this, options);
  }

  /** Where it was posted last. */
  get session(): WorkerSession | undefined {
    return this.#session;
  }

  /** Takes a copy of the argument, for a call that is not posted at once, or perhaps again: the caller may reuse it. */
  keepInput(): void {
    if (this.#kept) return;
    this.#kept = true;
    this.#input = new Uint8Array(this.#input); // `slice` of a Buffer of Node copies nothing
  }

  /** Puts the argument into the slot and sends the call. */
  post(session: WorkerSession, slot: ClientSlot, functionIndex: number): void {
    this.attempts++;
    this.#session = session;
    this.#slot = slot;
    slot.waiter = this;
    slot.input.set(this.#input);
    session.post(
      slot,
      functionIndex,
      this.#input.length,
      this.#untilMs === Infinity ? 0 : timeLeftUs(this.#untilMs - performance.now()),
      this.#capacity,
    );
  }

  /** Ends the call with an error. If it is under way, its slot stays out of use until the reply has come. */
  fail(error: unknown, overdue = false): void {
    if (this.settled) return;
    this.#end();
    this.#reject(error);
    this.#release(overdue);
  }

  /** Ends the call since the package has no such function. */
  failUnknown(functions: readonly string[]): void {
    this.fail(unknownFunction(this.name, functions));
  }

  onReply(): void {
    const slot = this.#slot!;
    if (slot.state !== DONE) {
      this.#slot = undefined;
      this.#onLost(this);
      return;
    }
    if (slot.status === CallStatus.BUSY && !this.settled) {
      this.attempts--;
      this.refusals++;
      if (!this.#kept) {
        this.#kept = true;
        // The caller may have reused its memory; the slot has what was sent.
        this.#input = copyOut(slot.input, this.#input.length);
      }
      this.#release();
      return this.#onBusy(this);
    }
    this.#end();
    if (slot.status !== CallStatus.OK) this.#reject(replyError(slot, this.name));
    else if (slot.length < 0 || slot.length > this.#capacity) {
      this.#reject(impossibleLength(this.name, slot));
    } else if (this.#output) {
      this.#output.set(slot.output.subarray(0, slot.length));
      this.#resolve(this.#output.subarray(0, slot.length));
    } else {
      this.#resolve(copyOut(slot.output, slot.length));
    }
    this.#release();
  }

  #end(): void {
    this.settled = true;
    this.#letBe?.();
  }

  #release(overdue = false): void {
    const slot = this.#slot;
    if (!slot) return;
    this.#slot = undefined;
    const free = slot.state !== POSTED;
    this.#session!.release(slot, overdue);
    if (free) this.#onFree();
  }
}
