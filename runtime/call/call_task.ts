/** One call with a promise: from the queue for a free slot to its reply. */

import { impossibleLength, outputGone, replyError, unknownFunction } from "./call_errors.ts";
import type { CallStats } from "./call_stats.ts";
import { copyAll, copyOut, keptInput, UNZEROED_FROM } from "./copy_out.ts";
import { type ClientSlot, DONE, POSTED, type SlotWaiter } from "./client_slot.ts";
import { nowMs } from "../../ffi/intrinsics.ts";
import { armDeadline, type WaitingCall } from "./waiting_call.ts";
import { CallStatus, timeLeftOf } from "../protocol/wire.ts";
import type { TraceContext } from "../tracing/trace_context.ts";
import type { WorkerSession } from "./worker_session.ts";

/** Options of {@linkcode Lease.invoke}. */
export interface InvokeOptions {
  /** Gives the call up. The promise rejects with the signal's reason at once. */
  signal?: AbortSignal;
  /**
   * The time that the call may take, in milliseconds, 0 or more. Then the promise rejects with
   * {@linkcode DeadlineExceededError}. @default {Infinity}
   */
  deadlineMs?: number;
  /**
   * The index of the worker that has to run the call, from 0. Left out: the worker with most free slots, the first of
   * equals.
   */
  worker?: number;
  /** The buffer for the result, whose filled part the promise resolves with. Left out: the call allocates one. */
  output?: Uint8Array;
}

/** What a call needs of its lease. */
export interface TaskHost {
  /** The largest result, in bytes. */
  readonly maxBytes: number;
  readonly stats: CallStats;
  /** Called when the task has released its slot. */
  onFree(): void;
  /** Called when the connection was lost while the call was in flight. The task is not settled. */
  taskLost(task: WaitingCall): void;
  /** Called when the worker had no core for the call, which did not run. The task is not settled. */
  taskBusy(task: WaitingCall): void;
}

/** The deadline of a call, and its signal. */
interface CallLimit {
  readonly deadlineMs: number;
  readonly untilMs: number;
  /** Disarms both. */
  disarm: (() => void) | undefined;
}

function limitOf(deadlineMs = Infinity): CallLimit {
  const untilMs = deadlineMs === Infinity ? Infinity : performance.now() + deadlineMs;
  return { deadlineMs, untilMs, disarm: undefined };
}

export class CallTask implements WaitingCall, SlotWaiter {
  readonly promise: Promise<Uint8Array>;
  readonly name: string;
  readonly worker: number | undefined;
  attempts = 0;
  refusals = 0;
  busyNodes: Set<string> | undefined;
  trace: TraceContext | undefined;
  settled = false;
  #input: Uint8Array;
  /** The argument is a copy. */
  #kept = false;
  readonly #host: TaskHost;
  readonly #output: Uint8Array | undefined;
  readonly #capacity: number;
  /** Undefined without a deadline and a signal: a number that is no integer would cost each call another object. */
  readonly #limit: CallLimit | undefined;
  /** Memory for a result as long as the last one in this slot. */
  #spare: Uint8Array | undefined;
  #session: WorkerSession | undefined;
  #slot: ClientSlot | undefined;
  #lastSlot: ClientSlot | undefined;
  /** Not read unless latencies are recorded. */
  readonly #startMs: number;
  #resolve!: (result: Uint8Array) => void;
  #reject!: (error: unknown) => void;

  constructor(host: TaskHost, name: string, input: Uint8Array, options: InvokeOptions) {
    this.#host = host;
    this.#startMs = host.stats.latency === undefined ? 0 : nowMs();
    this.name = name;
    this.worker = options.worker;
    this.#input = input;
    const { maxBytes } = host;
    const { output, deadlineMs, signal } = options;
    this.#output = output;
    this.#capacity = output !== undefined && output.length < maxBytes ? output.length : maxBytes;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (deadlineMs !== undefined || signal !== undefined) {
      this.#limit = limitOf(deadlineMs);
      this.#limit.disarm = armDeadline(this, options);
    }
  }

  get deadlineMs(): number {
    return this.#limit === undefined ? Infinity : this.#limit.deadlineMs;
  }

  get untilMs(): number {
    return this.#limit === undefined ? Infinity : this.#limit.untilMs;
  }

  get repeatable(): boolean {
    return true;
  }

  get session(): WorkerSession | undefined {
    return this.#session;
  }

  get slot(): ClientSlot | undefined {
    return this.#lastSlot;
  }

  keepInput(): void {
    if (this.#kept) return;
    this.#kept = true;
    this.#input = keptInput(this.#input);
  }

  post(session: WorkerSession, slot: ClientSlot, functionIndex: number): void {
    this.attempts++;
    if (this.attempts + this.refusals > 1) this.#host.stats.retried();
    this.#session = session;
    this.#slot = this.#lastSlot = slot;
    slot.waiter = this;
    const input = this.#input;
    slot.inputFor(input.length).set(input);
    const { untilMs } = this;
    const timeLeft = untilMs === Infinity ? 0 : timeLeftOf(untilMs - performance.now());
    session.post(slot, functionIndex, input.length, timeLeft, this.#capacity);
    // New memory takes some 150 ns. While this is the only call in flight, the client would only wait.
    if (session.outstanding === 1 && this.#output === undefined) {
      const expected = slot.lastResultLength;
      if (expected >= 0 && expected < UNZEROED_FROM) this.#spare = new Uint8Array(expected);
    }
  }

  fail(error: unknown): void {
    if (this.settled) return;
    this.#settle();
    this.#reject(this.#host.stats.failed(error));
    this.#release();
  }

  failUnknown(functions: readonly string[]): void {
    this.fail(unknownFunction(this.name, functions));
  }

  onReply(): void {
    const slot = this.#slot!;
    if (slot.state !== DONE) {
      this.#slot = undefined;
      if (!slot.mayHaveBegun) this.#keepSent(slot);
      this.#host.taskLost(this);
      return;
    }
    if (slot.status === CallStatus.BUSY && !this.settled) {
      this.attempts--;
      this.refusals++;
      this.#keepSent(slot);
      this.#release();
      return this.#host.taskBusy(this);
    }
    this.#settle();
    if (slot.status !== CallStatus.OK) {
      const error = replyError(slot, this.name, this.#session!.translate);
      this.#reject(this.#host.stats.failed(error));
    } else if (slot.length < 0 || slot.length > this.#capacity) {
      this.#reject(this.#host.stats.failed(impossibleLength(this.name, slot)));
    } else {
      const { latency } = this.#host.stats;
      if (latency !== undefined) latency.record(nowMs() - this.#startMs);
      this.#succeed(slot);
    }
    this.#release();
  }

  #succeed(slot: ClientSlot): void {
    const result = slot.resultFor(this.#capacity);
    const output = this.#output;
    if (output === undefined) {
      const spare = this.#spare;
      if (spare === undefined || spare.length !== result.length) {
        return this.#resolve(copyAll(result));
      }
      spare.set(result);
      return this.#resolve(spare);
    }
    if (output.length < result.length) { // it has this capacity, unless its memory was transferred
      return this.#reject(this.#host.stats.failed(outputGone(this.name)));
    }
    output.set(result);
    this.#resolve(result.length === output.length ? output : output.subarray(0, result.length));
  }

  /** Copies the argument from the slot, which holds what was sent: the caller may have reused its memory. */
  #keepSent(slot: ClientSlot): void {
    if (this.#kept) return;
    this.#kept = true;
    this.#input = copyOut(slot.inputFor(this.#input.length), this.#input.length);
  }

  #settle(): void {
    this.settled = true;
    if (this.#limit !== undefined) this.#limit.disarm?.();
  }

  #release(): void {
    const slot = this.#slot;
    if (!slot) return;
    this.#slot = undefined;
    const free = slot.state !== POSTED;
    this.#session!.release(slot);
    if (free) this.#host.onFree();
  }
}
