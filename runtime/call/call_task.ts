/** One call that its caller awaits: from the queue for a free slot to its reply. */

import { copyOut } from "./copy_out.ts";
import { type ClientSlot, DONE, POSTED, type SlotWaiter } from "./client_slot.ts";
import { DeadlineExceeded, ResultTooLong, type RfaasError, UnknownFunction } from "../errors.ts";
import { MAX_TIMER_MS } from "../policy.ts";
import { replyError } from "./reply_error.ts";
import type { WaitingCall } from "./waiting_call.ts";
import { CallStatus, timeLeftUs } from "../protocol/wire.ts";
import type { WorkerSession } from "./worker_session.ts";

/** Options of {@linkcode Lease.invoke}. */
export interface InvokeOptions {
  /** Gives the call up; its promise rejects with the signal's reason at once. */
  signal?: AbortSignal;
  /** Milliseconds from now; then the promise rejects with {@linkcode DeadlineExceeded}. */
  deadlineMs?: number;
  /** The worker that is to run it; any free one if left out. */
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
  readonly #signal: AbortSignal | undefined;
  readonly #abort: (() => void) | undefined;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
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
    const { deadlineMs, signal } = options;
    this.#untilMs = deadlineMs === undefined ? Infinity : performance.now() + deadlineMs;
    if (deadlineMs !== undefined && deadlineMs <= MAX_TIMER_MS) {
      this.#timer = setTimeout(() => this.fail(deadlineError(name, deadlineMs), true), deadlineMs);
    }
    if (signal) {
      this.#signal = signal;
      this.#abort = () => this.fail(signal.reason);
      signal.addEventListener("abort", this.#abort, { once: true });
    }
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
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#abort!);
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

export function unknownFunction(name: string, functions: Iterable<string>): UnknownFunction {
  const known = [...functions].join(", ");
  return new UnknownFunction(
    `Cannot call ${name}: the package exports no such function, only ${known}`,
  );
}

/** The worker names a length that it was told not to pass. */
export function impossibleLength(name: string, slot: ClientSlot): RfaasError {
  return new ResultTooLong(
    `Cannot take the result of ${name}: its length ${slot.length} is not from 0 to ${slot.capacity}`,
  );
}

export function deadlineError(name: string, deadlineMs: number): DeadlineExceeded {
  return new DeadlineExceeded(`Cannot wait longer for ${name}: ${deadlineMs} ms have passed`);
}
