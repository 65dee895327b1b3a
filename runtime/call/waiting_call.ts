/** A call as the pool of a lease sees it, with one result or many. */

import { MAX_TIMER_MS } from "../policy.ts";
import type { TraceContext } from "../tracing/trace_context.ts";
import { deadlineError } from "./call_errors.ts";
import type { ClientSlot } from "./client_slot.ts";
import type { WorkerSession } from "./worker_session.ts";

/** A call that waits for a free slot, for its reply, or for another attempt. */
export interface WaitingCall {
  /** The function's name. */
  readonly name: string;
  /** The index of the worker that has to run it; any if `undefined`. */
  readonly worker: number | undefined;
  /** The time that it may take, in milliseconds, and when that is over; Infinity without a deadline. */
  readonly deadlineMs: number;
  readonly untilMs: number;
  /** How often it was posted. */
  readonly attempts: number;
  /** How often a worker had no core for it. */
  readonly refusals: number;
  /** It has ended. */
  readonly settled: boolean;
  /** The session that it was posted on last. */
  readonly session: WorkerSession | undefined;
  /** The slot that it was sent in last. */
  readonly slot: ClientSlot | undefined;
  /** The nodes that had no core for it, since the last pause. */
  busyNodes: Set<string> | undefined;
  /** The trace that it carries to its function. */
  trace: TraceContext | undefined;
  /** Whether it may run twice if its function may: not once the caller has a part of its result. */
  readonly repeatable: boolean;
  /** Copies the argument, for a call that is posted later, or again. The caller may reuse its memory meanwhile. */
  keepInput(): void;
  /** Writes the argument into the slot and sends the call. */
  post(session: WorkerSession, slot: ClientSlot, functionIndex: number): void;
  /** Ends the call with an error. If it is in flight, its slot stays out of use until the reply. */
  fail(error: unknown): void;
  /** Ends the call because the package has no such function. */
  failUnknown(functions: readonly string[]): void;
}

/** Fails a call whose deadline has passed: the timer of a busy thread is late. Returns whether it did. */
export function expire(call: WaitingCall): boolean {
  if (call.untilMs === Infinity || performance.now() < call.untilMs) return false;
  call.fail(deadlineError(call.name, call.deadlineMs));
  return true;
}

/**
 * Makes a call fail at its deadline, or when its signal fires.
 *
 * @returns A function that disarms both; `undefined` for a call without either.
 */
export function armDeadline(
  call: WaitingCall,
  { deadlineMs, signal }: { readonly deadlineMs?: number; readonly signal?: AbortSignal },
): (() => void) | undefined {
  if (deadlineMs === undefined && signal === undefined) return undefined;
  const timer = deadlineMs !== undefined && deadlineMs <= MAX_TIMER_MS
    ? setTimeout(() => call.fail(deadlineError(call.name, deadlineMs)), deadlineMs)
    : undefined;
  const abort = () => call.fail(signal!.reason);
  signal?.addEventListener("abort", abort, { once: true });
  return () => {
    if (timer !== undefined) clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  };
}
