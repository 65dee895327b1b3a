/** A call whose slot is taken once and used again and again: no copy, no promise, no allocation. */

import {
  type ClientSlot,
  DONE,
  HELD,
  LOST,
  POSTED,
  type SlotWaiter,
  STALE,
} from "./client_slot.ts";
import { deadlineError, impossibleLength, replyError } from "./call_errors.ts";
import { ArgumentTooLong, Busy, ExecutorLost, UnknownFunction } from "../errors.ts";
import { nowMs } from "../../ffi/intrinsics.ts";
import {
  CLIENT_SLEEP_AFTER_MS,
  CLIENT_SLEEP_MS,
  CLIENT_YIELD_AFTER_MS,
  MAX_TIMER_MS,
  POLLS_PER_YIELD,
  PROBE_EVERY_MS,
} from "../policy.ts";
import { CallStatus, timeLeftUs } from "../protocol/wire.ts";
import type { WorkerSession } from "./worker_session.ts";

/** Options of {@linkcode Lease.prepare}. */
export interface PrepareOptions {
  /** Bytes of the argument. @default the lease's `maxBytes` */
  bytes?: number;
  /** Bytes of the result. @default the lease's `maxBytes` */
  resultBytes?: number;
  /** The worker that runs it; the one with most free slots if left out. */
  worker?: number;
}

/** Options of one call of a {@linkcode PreparedCall}. */
export interface CallOptions {
  /** Milliseconds from the call; then it throws {@linkcode DeadlineExceeded}. */
  deadlineMs?: number;
}

/** What a prepared call needs of its lease. */
export interface CallHost {
  readonly maxBytes: number;
  /** The session of a worker, or the one with most free slots. Throws when the lease has none. */
  sessionFor(worker: number | undefined): WorkerSession;
  /** Told when a call found its connection gone. */
  onLost(session: WorkerSession): void;
  /** The error for a call that was lost on this session; blocks for a moment to learn why. */
  lossError(name: string, posted: boolean, session: WorkerSession): Error;
  /** Waits for that moment without blocking: the error after it is at hand. */
  lossLearned(session: WorkerSession): Promise<void>;
  /** Has neither the lease nor the session's node ended? A look at a word. */
  live(session: WorkerSession): boolean;
  /** Starts taking replies for calls that wait by a promise. */
  kick(): void;
  /** A slot was given back. */
  onFree(): void;
  readonly yieldCore: () => void;
}

const ALREADY = "Cannot call: the last call of this prepared call has not been finished";

/**
 * A prepared call owns a slot of a worker: {@linkcode PreparedCall.input} and {@linkcode PreparedCall.output} are
 * registered memory, and on one host the very memory that the function works on.
 *
 * After a call that failed by its deadline or by the loss of the executor, the slot is another one: write to `input`
 * again, and read `output` again. A call that was not written again is refused.
 */
export class PreparedCall implements Disposable {
  readonly #host: CallHost;
  readonly #name: string;
  readonly #bytes: number;
  readonly #resultBytes: number;
  readonly #worker: number | undefined;
  #session!: WorkerSession;
  #slot!: ClientSlot;
  #function = 0;
  #input!: Uint8Array;
  #output!: Uint8Array;
  #deadlineMs = 0;
  /** Of the call that waits by a promise. */
  #resolve!: (length: number) => void;
  #reject!: (error: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #conclude = () => this.#settle();
  readonly #waiter: SlotWaiter = {
    onReply: () => {
      if (this.#slot.state !== LOST) return this.#settle();
      clearTimeout(this.#timer);
      const session = this.#session;
      const reject = this.#reject;
      this.#host.lossLearned(session).then(
        () => reject(this.#host.lossError(this.#name, true, session)),
        reject,
      );
    },
  };
  /** Why the slot is another one than the caller last wrote to; empty when it is not. */
  #moved: "" | "executor" | "deadline" = "";
  #closed = false;

  /** @internal Use {@linkcode Lease.prepare}. */
  constructor(host: CallHost, name: string, options: PrepareOptions) {
    this.#host = host;
    this.#name = name;
    this.#bytes = checkRoom("bytes", options.bytes ?? host.maxBytes, host.maxBytes);
    this.#resultBytes = checkRoom(
      "resultBytes",
      options.resultBytes ?? host.maxBytes,
      host.maxBytes,
    );
    this.#worker = options.worker;
    this.#bind();
  }

  /** Where the argument goes; `bytes` long. */
  get input(): Uint8Array {
    if (this.#slot.state === LOST || this.#slot.state === STALE) this.#bind();
    this.#moved = "";
    return this.#input;
  }

  /** Where the result is; `resultBytes` long. */
  get output(): Uint8Array {
    if (this.#slot.state === LOST) this.#bind();
    return this.#output;
  }

  /**
   * Calls with the first `length` bytes of the input and spins until the reply is there.
   *
   * @returns the result's length; it lies in `output`.
   * @throws {FunctionError} {ResultTooLong} {DeadlineExceeded} {ExecutorLost} {NodeLost} {LeaseOver}, and {Busy} when
   * the node leases more workers than it has cores and all are in use: the function did not run, call again.
   */
  invokeSync(length: number = this.#bytes, options?: CallOptions): number {
    this.start(length, options);
    const session = this.#session;
    const slot = this.#slot;
    const { pollsPerLook } = session;
    let polls = 0;
    while (slot.state === POSTED) {
      if (session.poll()) continue;
      if (++polls === pollsPerLook) this.#spinOn();
    }
    return this.finish();
  }

  /** Calls likewise without blocking the event loop. */
  invoke(length: number = this.#bytes, options?: CallOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      this.start(length, options); // what it throws rejects
      this.#resolve = resolve;
      this.#reject = reject;
      this.#slot.waiter = this.#waiter;
      const deadlineMs = options === undefined ? undefined : options.deadlineMs;
      if (deadlineMs !== undefined && deadlineMs <= MAX_TIMER_MS) {
        this.#timer = setTimeout(this.#conclude, deadlineMs);
      }
      this.#host.kick();
    });
  }

  /** Sends the call and returns at once. */
  start(length: number = this.#bytes, options?: CallOptions): void {
    if (this.#closed) {
      throw new TypeError(`Cannot call ${this.#name}: this prepared call is closed`);
    }
    if (!(length >= 0 && length <= this.#bytes) || (length | 0) !== length) {
      throw new ArgumentTooLong(
        `Cannot call ${this.#name}: the argument has ${length} bytes, this prepared call takes ${this.#bytes}`,
      );
    }
    if (this.#slot.state !== HELD) this.#rebind();
    if (this.#moved !== "" && length > 0) throw this.#movedError();
    const deadlineMs = options === undefined ? undefined : options.deadlineMs;
    this.#deadlineMs = deadlineMs === undefined ? Infinity : deadlineMs;
    if (deadlineMs !== undefined && !(deadlineMs >= 0)) {
      throw new RangeError(
        `Cannot call ${this.#name}: deadlineMs must be 0 or more, not ${deadlineMs}`,
      );
    }
    try {
      this.#session.post(
        this.#slot,
        this.#function,
        length,
        deadlineMs === undefined ? 0 : timeLeftUs(deadlineMs),
        this.#resultBytes,
      );
    } catch {
      this.#host.onLost(this.#session);
      throw this.#host.lossError(this.#name, false, this.#session);
    }
  }

  /** Is the reply there, or the call lost? A look costs some nanoseconds. */
  done(): boolean {
    if (this.#slot.state === POSTED) this.#session.poll();
    return this.#slot.state !== POSTED;
  }

  /** Takes the reply of a call that is done; spins for it otherwise. Returns the result's length. */
  finish(): number {
    const slot = this.#slot;
    const { pollsPerLook } = this.#session;
    let polls = 0;
    while (slot.state === POSTED) {
      if (this.#session.poll()) continue;
      if (++polls === pollsPerLook) this.#spinOn();
    }
    if (slot.state === DONE) {
      slot.state = this.#session.retiring ? STALE : HELD;
      if (slot.status === CallStatus.OK && slot.length >= 0 && slot.length <= this.#resultBytes) {
        return slot.length;
      }
      throw slot.status === CallStatus.OK
        ? impossibleLength(this.#name, slot)
        : replyError(slot, this.#name);
    }
    if (slot.state === LOST) throw this.#host.lossError(this.#name, true, this.#session);
    throw new TypeError(`Cannot finish ${this.#name}: no call was started`);
  }

  /** Gives the slot back. A call under way is given up. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The reply of {@linkcode PreparedCall.invoke} is there, its slot is lost, or its time is over. */
  #settle(): void {
    this.#slot.waiter = null;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      if (this.#slot.state === POSTED) throw this.#giveUp();
      this.#resolve(this.finish());
    } catch (error) {
      this.#reject(error);
    }
  }

  /** The long way of waiting: yields, then sleeps, and looks at the clock, the peer and the lease now and then. */
  #spinOn(): void {
    const session = this.#session;
    const slot = this.#slot;
    const sinceMs = nowMs();
    let probedMs = 0;
    for (let polls = 1; slot.state === POSTED; polls++) {
      if (session.poll()) continue;
      if (polls % POLLS_PER_YIELD !== 0) continue;
      const waitedMs = nowMs() - sinceMs;
      if (waitedMs > this.#deadlineMs) throw this.#giveUp();
      if (waitedMs <= CLIENT_YIELD_AFTER_MS) continue;
      if (waitedMs <= CLIENT_SLEEP_AFTER_MS) this.#host.yieldCore();
      else {
        const leftMs = this.#deadlineMs - waitedMs;
        session.connection.waitSync(leftMs < CLIENT_SLEEP_MS ? leftMs : CLIENT_SLEEP_MS);
      }
      if (waitedMs - probedMs < PROBE_EVERY_MS) continue;
      probedMs = waitedMs;
      if (this.#host.live(session) && session.connection.probe()) continue;
      while (session.poll()); // a reply that came before the end still counts
      if (slot.state === POSTED) this.#host.onLost(session);
      // An executor that passes a deadline is ended: who was without a core until then is told the deadline all the same.
      if (this.#slot.state === LOST && nowMs() - sinceMs > this.#deadlineMs) throw this.#giveUp();
    }
  }

  /** Takes another slot in place of the one that was lost. What the caller wrote went with the old one. */
  #rebind(): void {
    const { state } = this.#slot;
    if (state !== LOST && state !== STALE) throw new TypeError(ALREADY);
    const moved = this.#slot === GONE ? "deadline" : "executor";
    this.#bind();
    this.#moved = moved;
  }

  #movedError(): Error {
    const what = `Cannot call ${this.#name}: its memory is another since`;
    return this.#moved === "executor"
      ? new ExecutorLost(`${what} the executor was lost or left, write to input again`, "not-run")
      : new TypeError(`${what} a call was given up, write to input again`);
  }

  /** Leaves the slot to its late reply; the next call takes another one. */
  #giveUp(): Error {
    const error = deadlineError(this.#name, this.#deadlineMs);
    this.#session.release(this.#slot, true);
    this.#slot = GONE;
    return error;
  }

  #release(): void {
    const free = this.#slot.state === HELD || this.#slot.state === DONE;
    if (this.#slot !== GONE) this.#session.release(this.#slot);
    if (free) this.#host.onFree();
    this.#slot = GONE;
  }

  #bind(): void {
    if (this.#closed) {
      throw new TypeError(`Cannot call ${this.#name}: this prepared call is closed`);
    }
    const session = this.#host.sessionFor(this.#worker);
    const functionIndex = session.functions.get(this.#name);
    if (functionIndex === undefined) {
      throw new UnknownFunction(
        `Cannot prepare ${this.#name}: the package exports no such function`,
      );
    }
    if (session.signatures.get(this.#name)!.stream) {
      throw new TypeError(`Cannot prepare ${this.#name}: it gives many results, use stream`);
    }
    const slot = session.acquire();
    if (!slot) {
      if (!session.connection.probe()) {
        this.#host.onLost(session);
        throw this.#host.lossError(this.#name, false, session);
      }
      throw new Busy(
        `Cannot prepare ${this.#name}: every slot of worker ${session.worker} is in use`,
      );
    }
    this.#session = session;
    this.#slot = slot;
    this.#function = functionIndex;
    this.#input = slot.input.subarray(0, this.#bytes);
    this.#output = slot.output.subarray(0, this.#resultBytes);
  }
}

/** Stands for a slot that this call has no more. */
const GONE = { state: LOST } as ClientSlot;

function checkRoom(name: string, value: number, maxBytes: number): number {
  if (!Number.isInteger(value) || value < 0) {
    throw new RangeError(
      `Cannot prepare call: ${name} must be a whole number of bytes, not ${value}`,
    );
  }
  if (value > maxBytes) {
    throw new ArgumentTooLong(
      `Cannot prepare call: ${name} is ${value}, the lease's maxBytes is ${maxBytes}`,
    );
  }
  return value;
}
