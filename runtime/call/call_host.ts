/** The interface between a prepared call and its lease. */

import type { CallStats } from "./call_stats.ts";
import type { ClientSlot } from "./client_slot.ts";
import type { WorkerSession } from "./worker_session.ts";

/** What a prepared call needs of its lease. */
export interface CallHost {
  /** The largest argument or result, in bytes. */
  readonly maxBytes: number;
  readonly stats: CallStats;
  /** The session of a worker, or the one with most free slots. Throws if the lease has none. */
  sessionFor(worker: number | undefined): WorkerSession;
  /** Called when a call found its connection closed. */
  onLost(session: WorkerSession): void;
  /**
   * The error of a call that was lost on this session. Blocks for up to VERDICT_MS for the reason.
   *
   * @param slot The slot that it was sent in; `undefined` for a call that was not sent.
   */
  lossError(name: string, slot: ClientSlot | undefined, session: WorkerSession): Error;
  /** Waits for that reason without blocking. Then {@linkcode CallHost.lossError} does not block. */
  awaitLossReason(session: WorkerSession): Promise<void>;
  /** Whether the lease and the session's node live: a read of a status word. */
  live(session: WorkerSession): boolean;
  /** Starts polling for the replies of calls with a promise. */
  kick(): void;
  /** A slot was released. */
  onFree(): void;
  /** Yields the core to other threads. */
  readonly yieldCore: () => void;
}
