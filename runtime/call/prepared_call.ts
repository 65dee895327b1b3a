/** A call that keeps its slot: no copy, no promise, no allocation. */

import {
  type ClientSlot,
  DONE,
  HELD,
  LOST,
  NO_SLOT,
  POSTED,
  type SlotWaiter,
  STALE,
} from "./client_slot.ts";
import { deadlineError, impossibleLength, replacedError, replyError } from "./call_errors.ts";
import type { CallHost } from "./call_host.ts";
import { ArgumentTooLongError, BusyError, UnknownFunctionError } from "../errors.ts";
import { MAX_TIMER_MS } from "../policy.ts";
import { checkBytes, type PreparedCallOptions, type PrepareOptions } from "./prepare_options.ts";
import { CallStatus, timeLeftOf } from "../protocol/wire.ts";
import { waitLong } from "./wait_long.ts";
import type { WorkerSession } from "./worker_session.ts";

/**
 * A call that keeps a slot of a worker, for many runs of one function. {@linkcode PreparedCall.input} and
 * {@linkcode PreparedCall.output} are the slot's memory; on one host the function works on that very memory. A run copies
 * nothing and allocates nothing.
 *
 * A caller that transfers one of the two buffers takes it from this prepared call: close it, and prepare another one.
 *
 * A call that passes its deadline, or loses its executor, loses its slot too. The next call uses another one: write
 * `input` again before it, and read the property `output` again after it. A call whose argument was lost with the slot
 * is refused.
 *
 * @example
 * ```ts
 * import type { Lease } from "@rfaas/rfaas";
 *
 * function sumOf(lease: Lease, values: Uint8Array[]): number {
 *   using call = lease.prepare("length", { bytes: 1024, resultBytes: 8 });
 *   let sum = 0;
 *   for (const value of values) {
 *     call.input.set(value);
 *     const length = call.invokeSync(value.length);
 *     sum += call.output.subarray(0, length)[0]!;
 *   }
 *   return sum;
 * }
 * ```
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
  /** Settle the promise of `invoke()`. */
  #resolve!: (length: number) => void;
  #reject!: (error: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onDeadline = () => this.#settle();
  readonly #waiter: SlotWaiter = {
    onReply: () => {
      if (this.#slot.state !== LOST) return this.#settle();
      clearTimeout(this.#timer);
      const session = this.#session;
      const reject = this.#reject;
      this.#host.awaitLossReason(session).then(
        () => reject(this.#lost(this.#slot, session)),
        reject,
      );
    },
  };
  /** Why the slot is not the one that the caller last wrote to; empty if it is. */
  #moved: "" | "executor" | "deadline" = "";
  #closed = false;

  /** @internal Use {@linkcode Lease.prepare}. */
  constructor(host: CallHost, name: string, options: PrepareOptions) {
    this.#host = host;
    this.#name = name;
    const { maxBytes } = host;
    const { bytes = maxBytes, resultBytes = maxBytes } = options;
    this.#bytes = checkBytes("bytes", bytes, maxBytes);
    this.#resultBytes = checkBytes("resultBytes", resultBytes, maxBytes);
    this.#worker = options.worker;
    this.#bind();
  }

  /** The buffer of the argument, {@linkcode PrepareOptions.bytes} long. Write the argument at its beginning. */
  get input(): Uint8Array {
    if (this.#slot.state === LOST || this.#slot.state === STALE) this.#bind();
    this.#moved = "";
    return this.#input;
  }

  /** The buffer of the result, {@linkcode PrepareOptions.resultBytes} long. The result is at its beginning. */
  get output(): Uint8Array {
    if (this.#slot.state === LOST) this.#bind();
    return this.#output;
  }

  /**
   * Calls the function and blocks until the reply arrives. It spins first, then yields, then sleeps.
   *
   * @param length The length of the argument at the beginning of `input`, in bytes. All of `input` if left out.
   * @param options The deadline.
   * @returns The length of the result at the beginning of `output`, in bytes.
   * @throws {FunctionError} When the function threw, or broke its contract.
   * @throws {ResultTooLongError} When the result is longer than {@linkcode PrepareOptions.resultBytes}.
   * @throws {DeadlineExceededError} When no reply arrived by the deadline.
   * @throws {BusyError} When all cores of the node, or all slots of the next worker, are in use. The function did not run.
   * @throws {ExecutorLostError} When the executor was lost, or was replaced and `input` was not rewritten since.
   * Its `outcome` states whether the function may have run.
   * @throws {NodeLostError} When the node was lost. Its `outcome` states whether the function may have run.
   * @throws {LeaseOverError} When the lease has ended.
   * @throws {LimitExceededError} When the executor exceeded a limit of the lease.
   * @throws {UnknownFunctionError} When the next executor has no such function.
   * @throws {ArgumentTooLongError} When `length` is not a whole number from 0 to {@linkcode PrepareOptions.bytes}.
   * @throws {TypeError} When a call is unfinished, this is closed, or `input` was not rewritten after a call given up.
   * @throws {RangeError} When `deadlineMs` is negative or not a number.
   */
  invokeSync(length: number = this.#bytes, options?: PreparedCallOptions): number {
    this.start(length, options);
    return this.finish();
  }

  /**
   * Calls the function without blocking the event loop.
   *
   * @param length The length of the argument at the beginning of `input`, in bytes. All of `input` if left out.
   * @param options The deadline.
   * @returns The length of the result at the beginning of `output`, in bytes.
   * @throws {FunctionError} When the function threw, or broke its contract.
   * @throws {ResultTooLongError} When the result is longer than {@linkcode PrepareOptions.resultBytes}.
   * @throws {DeadlineExceededError} When no reply arrived by the deadline.
   * @throws {BusyError} When all cores of the node, or all slots of the next worker, are in use. The function did not run.
   * @throws {ExecutorLostError} When the executor was lost, or was replaced and `input` was not rewritten since.
   * Its `outcome` states whether the function may have run.
   * @throws {NodeLostError} When the node was lost. Its `outcome` states whether the function may have run.
   * @throws {LeaseOverError} When the lease has ended.
   * @throws {LimitExceededError} When the executor exceeded a limit of the lease.
   * @throws {UnknownFunctionError} When the next executor has no such function.
   * @throws {ArgumentTooLongError} When `length` is not a whole number from 0 to {@linkcode PrepareOptions.bytes}.
   * @throws {TypeError} When a call is unfinished, this is closed, or `input` was not rewritten after a call given up.
   * @throws {RangeError} When `deadlineMs` is negative or not a number.
   */
  invoke(length: number = this.#bytes, options?: PreparedCallOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      this.start(length, options); // what it throws rejects
      this.#resolve = resolve;
      this.#reject = reject;
      this.#slot.waiter = this.#waiter;
      const deadlineMs = options === undefined ? undefined : options.deadlineMs;
      if (deadlineMs !== undefined && deadlineMs <= MAX_TIMER_MS) {
        this.#timer = setTimeout(this.#onDeadline, deadlineMs);
      }
      this.#host.kick();
    });
  }

  /**
   * Sends the call and returns at once. Poll with {@linkcode PreparedCall.done}, then call
   * {@linkcode PreparedCall.finish}.
   *
   * @param length The length of the argument at the beginning of `input`, in bytes. All of `input` if left out.
   * @param options The deadline, which `finish()` observes.
   * @throws {TypeError} When a call is unfinished, this is closed, or `input` was not rewritten after a call given up.
   * @throws {ArgumentTooLongError} When `length` is not a whole number from 0 to {@linkcode PrepareOptions.bytes}.
   * @throws {RangeError} When `deadlineMs` is negative or not a number.
   * @throws {BusyError} When the slot was lost, and every slot of the next worker is in use.
   * @throws {ExecutorLostError} When the executor was lost, or was replaced and `input` was not rewritten since.
   * The function did not run.
   * @throws {NodeLostError} When the node was lost. The function did not run.
   * @throws {LeaseOverError} When the lease has ended.
   * @throws {LimitExceededError} When the lease exceeded a limit. The function did not run.
   * @throws {UnknownFunctionError} When the next executor has no such function.
   *
   * @example
   * ```ts
   * import type { PreparedCall } from "@rfaas/rfaas";
   *
   * function lengthsOf(calls: PreparedCall[]): number[] {
   *   for (const call of calls) call.start(); // all in flight at a time
   *   return calls.map((call) => call.finish());
   * }
   * ```
   */
  start(length: number = this.#bytes, options?: PreparedCallOptions): void {
    if (this.#closed) {
      throw new TypeError(`Cannot call ${this.#name}: this prepared call is closed`);
    }
    if (!(length >= 0 && length <= this.#bytes) || (length | 0) !== length) {
      throw new ArgumentTooLongError(
        `Cannot call ${this.#name}: the argument has ${length} bytes, this prepared call takes ${this.#bytes}`,
      );
    }
    if (this.#slot.state !== HELD) this.#rebind();
    if (this.#moved !== "" && length > 0) throw this.#replaced(this.#moved);
    const deadlineMs = options === undefined ? undefined : options.deadlineMs;
    this.#deadlineMs = deadlineMs === undefined ? Infinity : deadlineMs;
    if (deadlineMs !== undefined && !(typeof deadlineMs === "number" && deadlineMs >= 0)) {
      throw new RangeError(
        `Cannot call ${this.#name}: expected a deadlineMs of 0 or more, not ${deadlineMs}`,
      );
    }
    try {
      this.#session.post(
        this.#slot,
        this.#function,
        length,
        deadlineMs === undefined ? 0 : timeLeftOf(deadlineMs),
        this.#resultBytes,
      );
    } catch {
      this.#host.onLost(this.#session);
      throw this.#lost(undefined);
    }
  }

  /**
   * Polls for the reply of a call, which takes some nanoseconds.
   *
   * @returns Whether the reply has arrived, or the call is lost.
   */
  done(): boolean {
    if (this.#slot.state === POSTED) this.#session.poll();
    return this.#slot.state !== POSTED;
  }

  /**
   * Returns the result of a call that was started, and blocks until its reply arrives.
   *
   * @returns The length of the result at the beginning of `output`, in bytes.
   * @throws {FunctionError} When the function threw, or broke its contract.
   * @throws {ResultTooLongError} When the result is longer than {@linkcode PrepareOptions.resultBytes}.
   * @throws {DeadlineExceededError} When no reply arrived by the deadline.
   * @throws {BusyError} When all cores of the node are busy. The function did not run: call again.
   * @throws {ExecutorLostError} When the executor was lost. Its `outcome` states whether the function may have run.
   * @throws {NodeLostError} When the node was lost. Its `outcome` states whether the function may have run.
   * @throws {LeaseOverError} When the lease has ended.
   * @throws {LimitExceededError} When the executor exceeded a limit of the lease.
   * @throws {UnknownFunctionError} When the executor has no such function.
   * @throws {TypeError} When no call was started.
   */
  finish(): number {
    const slot = this.#slot;
    const session = this.#session;
    const { pollsPerLook } = session;
    let polls = 0;
    while (slot.state === POSTED) {
      if (session.poll()) continue;
      if (++polls === pollsPerLook && !waitLong(this.#host, session, slot, this.#deadlineMs)) {
        throw this.#giveUp();
      }
    }
    if (slot.state === DONE) {
      slot.state = session.retiring ? STALE : HELD;
      if (slot.status === CallStatus.OK && slot.length >= 0 && slot.length <= this.#resultBytes) {
        return slot.length;
      }
      throw this.#host.stats.failed(
        slot.status === CallStatus.OK
          ? impossibleLength(this.#name, slot)
          : replyError(slot, this.#name, session.translate),
      );
    }
    if (slot.state === LOST) throw this.#lost(slot);
    throw new TypeError(`Cannot finish ${this.#name}: no call was started`);
  }

  /** Releases the slot. A call in flight is given up. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
  }

  /** Closes the prepared call, as {@linkcode PreparedCall.close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Settles the promise of `invoke()`: the reply has arrived, the slot is lost, or the deadline has passed. */
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

  /** Acquires another slot in place of the lost one, whose content is lost too. */
  #rebind(): void {
    const { state } = this.#slot;
    if (state !== LOST && state !== STALE) {
      throw new TypeError(`Cannot call ${this.#name}: its last call has not been finished`);
    }
    const moved = this.#slot === NO_SLOT ? "deadline" : "executor";
    try {
      this.#bind();
    } catch (error) {
      throw this.#host.stats.failed(error);
    }
    this.#moved = moved;
  }

  /** The error of a call whose argument was lost with its slot. After a deadline it is for an argument, and not counted. */
  #replaced(by: "executor" | "deadline"): Error {
    const error = replacedError(this.#name, by);
    return by === "executor" ? this.#host.stats.failed(error) : error;
  }

  /** The error of a call that was lost, counted. */
  #lost(slot: ClientSlot | undefined, session = this.#session): Error {
    return this.#host.stats.failed(this.#host.lossError(this.#name, slot, session));
  }

  /** Leaves the slot to its late reply. The next call acquires another one. */
  #giveUp(): Error {
    const error = this.#host.stats.failed(deadlineError(this.#name, this.#deadlineMs));
    this.#session.releasePrepared(this.#slot);
    this.#slot = NO_SLOT;
    return error;
  }

  #release(): void {
    const free = this.#slot.state === HELD || this.#slot.state === DONE;
    if (this.#slot !== NO_SLOT) this.#session.releasePrepared(this.#slot);
    if (free) this.#host.onFree();
    this.#slot = NO_SLOT;
  }

  #bind(): void {
    if (this.#closed) {
      throw new TypeError(`Cannot call ${this.#name}: this prepared call is closed`);
    }
    const session = this.#host.sessionFor(this.#worker);
    const functionIndex = session.functions.get(this.#name);
    if (functionIndex === undefined) {
      throw new UnknownFunctionError(
        `Cannot prepare ${this.#name}: the package exports no such function`,
      );
    }
    if (session.signatures.get(this.#name)!.stream) {
      throw new TypeError(`Cannot prepare ${this.#name}: it returns many results, use stream()`);
    }
    const slot = session.acquire();
    if (!slot) {
      if (!session.connection.probe()) {
        this.#host.onLost(session);
        throw this.#host.lossError(this.#name, undefined, session);
      }
      throw new BusyError(
        `Cannot prepare ${this.#name}: every slot of worker ${session.worker} is in use`,
      );
    }
    this.#session = session;
    this.#slot = slot;
    this.#function = functionIndex;
    this.#input = slot.inputFor(this.#bytes).subarray(0, this.#bytes);
    this.#output = slot.outputFor(this.#resultBytes).subarray(0, this.#resultBytes);
  }
}
