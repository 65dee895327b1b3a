/** What the crew of a lease needs of a call, whether it gives one result or many. */

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
