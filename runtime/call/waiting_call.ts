/** What the crew of a lease needs of a call, whether it gives one result or many. */

import { MAX_TIMER_MS } from "../policy.ts";
import { deadlineError } from "./call_errors.ts";
import type { ClientSlot } from "./client_slot.ts";
import type { WorkerSession } from "./worker_session.ts";

export interface WaitingCall {
  readonly name: string;
  /** The worker that is to run it; any if undefined. */
  readonly worker: number | undefined;
  /** Times it was posted. */
  readonly attempts: number;
  /** Times a worker had no core for it. */
  readonly refusals: number;
  readonly settled: boolean;
  /** Where it was sent last. */
  readonly session: WorkerSession | undefined;
  /** The nodes that had none, since the last pause. */
  busyNodes: Set<string> | undefined;
  /** May it be done again, if its function may? Not once somebody has seen a part of its result. */
  readonly repeatable: boolean;
  /** Takes a copy of the argument, for a call that is not posted at once, or perhaps again: the caller may reuse it. */
  keepInput(): void;
  /** Puts the argument into the slot and sends the call. */
  post(session: WorkerSession, slot: ClientSlot, functionIndex: number): void;
  /** Ends the call with an error. If it is under way, its slot stays out of use until the reply has come. */
  fail(error: unknown, overdue?: boolean): void;
  /** Ends the call since the package has no such function. */
  failUnknown(functions: readonly string[]): void;
}

/**
 * Ends a call by its deadline or its signal.
 *
 * @returns what makes both forget the call; nothing if it has neither.
 */
export function endInTime(
  call: WaitingCall,
  { deadlineMs, signal }: { readonly deadlineMs?: number; readonly signal?: AbortSignal },
): (() => void) | undefined {
  if (deadlineMs === undefined && signal === undefined) return undefined;
  const timer = deadlineMs !== undefined && deadlineMs <= MAX_TIMER_MS
    ? setTimeout(() => call.fail(deadlineError(call.name, deadlineMs), true), deadlineMs)
    : undefined;
  const abort = () => call.fail(signal!.reason);
  signal?.addEventListener("abort", abort, { once: true });
  return () => {
    if (timer !== undefined) clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  };
}
