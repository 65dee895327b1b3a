/** What the public class of a lease needs of its client, and of its state. */

import type { ClientSlot } from "../call/client_slot.ts";
import type { RfaasError } from "../errors.ts";
import type { LeaseEvents } from "./lease_events.ts";
import type { LeaseStartup } from "../keeper/lease_startup.ts";
import type { EndReason } from "../protocol/end_reason.ts";
import type { TracedCalls } from "./traced_calls.ts";
import type { Pump } from "../call/pump.ts";
import type { WorkerPool } from "../call/worker_pool.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/** What a lease needs of its client. */
export interface LeaseHost {
  readonly workers: number;
  readonly maxBytes: number;
  readonly depth: number;
  /** The functions that may run twice for one call, or all. */
  readonly idempotent: true | ReadonlySet<string>;
  /** Whether the time of each call is recorded. */
  readonly latency: boolean;
  readonly pump: Pump;
  /** Yields the core to other threads. */
  readonly yieldCore: () => void;
  /** The traces of calls, where they are recorded. */
  readonly traces: TracedCalls | undefined;
}

/** The error of a lost call, and whether the lease can repeat the call. */
export interface Loss {
  readonly error: RfaasError;
  readonly again: boolean;
  /** The call that may have ended the executor: this one, as far as is known, or any in flight. Undefined: none did. */
  readonly suspect: "call" | "any" | undefined;
}

/**
 * What a lease needs of its state. An interface, so that the package's public types end here: {@linkcode LeaseState}
 * leads to the keeper's messages and their schemas.
 */
export interface LeaseBackend {
  readonly parts: readonly {
    readonly id: string;
    readonly node: string;
    readonly workerIndexes: readonly number[];
  }[];
  readonly pool: WorkerPool;
  readonly events: LeaseEvents;
  /** Resolves with the reason once the lease has ended and all of it is released. */
  readonly closed: Promise<EndReason>;
  readonly expiresMs: number;
  /** How often a part has moved. */
  readonly moves: number;
  /** The phases of its start, once it serves. */
  readonly startup: LeaseStartup | undefined;
  /** Why it has ended; `undefined` while it lives. */
  readonly overReason: EndReason | undefined;
  /** Drops a session whose connection is lost. */
  lose(session: WorkerSession): void;
  /** Whether the lease and the session's node live: a read of a status word. */
  live(session: WorkerSession): boolean;
  /** The name of the session's node. */
  nodeOf(session: WorkerSession): string;
  /** The error for a call that was lost on this session, sent in `slot`. Blocks up to VERDICT_MS for the reason. */
  lossErrorSync(name: string, slot: ClientSlot | undefined, session: WorkerSession): RfaasError;
  /** Waits up to VERDICT_MS for the reason why a session was lost. `givenUp` ends the wait early. */
  lossOf(
    name: string,
    slot: ClientSlot | undefined,
    session: WorkerSession,
    givenUp: () => boolean,
  ): Promise<Loss>;
  /** The error for a call while no worker, or not this one, serves. */
  noWorkerError(name: string, worker: number | undefined): RfaasError | undefined;
  /** The error for a call after the end. */
  overError(name: string, reason: EndReason): RfaasError;
  /** Ends and releases the lease. May be called twice. */
  end(reason: EndReason): void;
}
