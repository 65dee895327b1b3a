/** A part of a lease, as the calling thread sees it: the executors on one node. */

import type { Fabrics } from "../../fabric/open.ts";
import { attachAll } from "./attach_all.ts";
import { LoadLostError } from "../call/attach_worker.ts";
import { ExecutorLostError } from "../errors.ts";
import type { PartGrant } from "../keeper/keeper_messages.ts";
import type { CheckedLeaseOptions } from "./lease_options.ts";
import { LeaseWords, type Verdict } from "../keeper/lease_words.ts";
import { attachLossError, awaitVerdict, loadLossError } from "./loss.ts";
import { type EndReason, endReason } from "../protocol/end_reason.ts";
import type { Executor } from "../protocol/node_protocol.ts";
import { RECOVERY_MS, VERDICT_MS } from "../policy.ts";
import type { StackTranslator } from "../call/thrown_error.ts";
import type { WorkerPool } from "../call/worker_pool.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/** What all parts of a lease have in common. */
export interface PartContext {
  readonly options: CheckedLeaseOptions;
  readonly fabrics: Fabrics;
  /** The sequence number before the first. Tests start it high. */
  readonly firstSequence: number;
  /** How long attaching to a worker may take, in milliseconds. */
  readonly attachMs: number;
  /** Rewrites stacks of the lease's functions. */
  readonly translate: StackTranslator;
  readonly pool: WorkerPool;
  /** Called with each session, so that a call finds the part of its session. */
  readonly onSession: (session: WorkerSession, part: LeasePart) => void;
  /** Called when a worker has had no executor for RECOVERY_MS. */
  readonly onMissing: (part: LeasePart, worker: number, reason: EndReason) => void;
}

/** For calls that a draining node did not finish within the grace period. */
const DRAINED: Verdict = { kind: "executor", reason: endReason("draining", "its node drains") };

const NO_EXECUTOR = `no executor replaced the last one within ${RECOVERY_MS} ms`;

export class LeasePart {
  /** The part's number between this thread and the keeper. */
  readonly number: number;
  /** The lease's id with the resource manager. */
  readonly id: string;
  /** The node's name. */
  readonly node: string;
  /** The worker indexes of its workers. */
  readonly workerIndexes: readonly number[];
  readonly #words: LeaseWords;
  readonly #context: PartContext;
  /** By session, since a lost call may need the reason when the next executor serves already. */
  readonly #generations = new WeakMap<WorkerSession, number>();
  /** Every session that may still have calls in flight. */
  #sessions: readonly WorkerSession[] = [];
  /** By worker index: the attempt to attach, and the wait for an executor. */
  readonly #attaching = new Map<number, AbortController>();
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
  #left = false;
  #over = false;

  constructor(grant: PartGrant, context: PartContext) {
    this.number = grant.part;
    this.id = grant.lease;
    this.node = grant.node;
    this.workerIndexes = grant.workerIndexes;
    this.#words = new LeaseWords(grant.workerIndexes, grant.words);
    this.#context = context;
  }

  /** Whether the lease and the node live: a read of a status word. */
  get live(): boolean {
    return this.#words.live;
  }

  /** Why it is over, or its node is lost; `undefined` while it lives. */
  get verdict(): Verdict {
    return this.#words.partVerdict;
  }

  /**
   * Stops attaching, because other parts replace this one. If it attached after them, it would replace their sessions,
   * and then be released.
   */
  leave(): void {
    this.#left = true;
    this.#stopAttaching(
      new ExecutorLostError("Cannot attach to workers: the part has moved", "not-run"),
    );
  }

  /** Ends the part. Calls in flight fail. */
  end(reason: Error): void {
    this.#over = true;
    this.#stopAttaching(reason);
    for (const session of this.#sessions) this.#context.pool.lose(session); // also those that retire
  }

  /**
   * Attaches to the workers of executors, and posts waiting calls.
   *
   * @param workers The worker indexes that the executors must have, in this order.
   * @returns `replaced` settles when no call is in flight on the sessions that the new ones replaced.
   * @throws {RfaasError} When an attempt fails.
   */
  async attach(
    executors: readonly Executor[],
    workers: readonly number[],
    signal?: AbortSignal,
  ): Promise<{ replaced: Promise<void> }> {
    const attaching = this.#beginAttaching(executors);
    const { fabrics, options, pool, onSession } = this.#context;
    const both = signal ? AbortSignal.any([signal, attaching.signal]) : attaching.signal;
    const sessions = await attachAll(
      fabrics,
      executors,
      options,
      this.#context,
      workers,
      both,
    ).catch(async (error) => {
      const whileLoading = error instanceof LoadLostError;
      if (!whileLoading && !(error instanceof ExecutorLostError)) throw error;
      const verdict = await this.#anyVerdict(executors, () => both.aborted);
      if (whileLoading) throw loadLossError(this.node, verdict);
      throw verdict ? attachLossError(this.node, verdict) : error;
    });
    if (both.aborted) {
      for (const session of sessions) session.close();
      throw both.reason;
    }
    this.#sessions = [...this.#sessions.filter(({ lost }) => !lost), ...sessions];
    for (const [at, session] of sessions.entries()) {
      this.#stopWaiting(session.worker);
      this.#generations.set(session, executors[at]!.generation);
      onSession(session, this);
    }
    return { replaced: pool.join(sessions, ({ worker }) => this.awaitExecutor(worker)) };
  }

  /** Drops the session of a worker whose executor has ended. Does nothing if another generation serves. */
  lose(worker: number, generation = Infinity): void {
    const session = this.#sessions.find((one) =>
      one.worker === worker && !one.lost && !one.retiring &&
      this.#generations.get(one)! <= generation
    );
    if (session) this.#context.pool.lose(session);
  }

  /** Whether a worker of it serves. */
  get serves(): boolean {
    return this.#sessions.some(({ lost, retiring }) => !lost && !retiring);
  }

  /** Waits for the node to start another executor of a worker, for RECOVERY_MS. */
  awaitExecutor(worker: number): void {
    if (this.#over || this.#left) return;
    this.#stopWaiting(worker);
    const reason = endReason("no-executor", NO_EXECUTOR);
    this.#timers.set(
      worker,
      setTimeout(() => this.#context.onMissing(this, worker, reason), RECOVERY_MS),
    );
  }

  /** Another attempt for the same workers ends the last one. */
  #beginAttaching(executors: readonly Executor[]): AbortController {
    const message = "Cannot attach to workers: another executor replaced this one";
    const attaching = new AbortController();
    for (const { worker } of executors) {
      this.#attaching.get(worker)?.abort(new ExecutorLostError(message, "not-run"));
      this.#attaching.set(worker, attaching);
    }
    return attaching;
  }

  #stopAttaching(reason: Error): void {
    for (const worker of this.workerIndexes) this.#stopWaiting(worker);
    for (const attaching of this.#attaching.values()) attaching.abort(reason);
  }

  #stopWaiting(worker: number): void {
    clearTimeout(this.#timers.get(worker));
    this.#timers.delete(worker);
  }

  /** Waits up to VERDICT_MS for the reason why one of these executors ended. */
  async #anyVerdict(executors: readonly Executor[], givenUp: () => boolean): Promise<Verdict> {
    let found: Verdict;
    await Promise.all(executors.map(async ({ worker, generation }) => {
      found ??= await awaitVerdict(this.#words, worker, generation, () => !!found || givenUp());
    }));
    return found;
  }

  /** Why a session was lost. Waits up to VERDICT_MS for the reason; `givenUp` ends the wait early. */
  async verdictOf(session: WorkerSession, givenUp: () => boolean): Promise<Verdict> {
    if (session.retiring) return DRAINED;
    return await awaitVerdict(
      this.#words,
      session.worker,
      this.#generations.get(session)!,
      givenUp,
    );
  }

  /** Why a session was lost. Blocks up to VERDICT_MS for the reason. */
  verdictSync(session: WorkerSession): Verdict {
    if (session.retiring) return DRAINED;
    return this.#words.verdictSync(
      session.worker,
      this.#generations.get(session)!,
      VERDICT_MS,
    );
  }
}
