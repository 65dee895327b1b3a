/** The state of a lease on the calling thread: its parts and sessions, from the grant to the end. */

import { NodeLostError, type RfaasError } from "../errors.ts";
import type { PartGrant } from "../keeper/keeper_messages.ts";
import type { LeaseStartup } from "../keeper/lease_startup.ts";
import type { KeeperLeaseEvent, KeeperLink } from "./keeper_link.ts";
import type { LeaseBackend, Loss } from "./lease_backend.ts";
import { LeaseEvents } from "./lease_events.ts";
import { LeasePart, type PartContext } from "./lease_part.ts";
import type { LeaseTrace } from "./lease_trace.ts";
import type { Verdict } from "../keeper/lease_words.ts";
import { leaseOverError, lossError } from "./loss.ts";
import { OVERDUE_MS } from "../policy.ts";
import { CLOSED, type EndReason } from "../protocol/end_reason.ts";
import type { Executor } from "../protocol/node_protocol.ts";
import type { Pump } from "../call/pump.ts";
import { WorkerPool } from "../call/worker_pool.ts";
import type { ClientSlot } from "../call/client_slot.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/** What a lease needs of its client. */
export interface LeaseStateOptions extends Omit<PartContext, "pool" | "onSession" | "onMissing"> {
  readonly key: number;
  readonly parts: readonly PartGrant[];
  readonly keeper: KeeperLink;
  readonly pump: Pump;
  readonly expiresMs: number;
  /** The trace of the lease, where traces are recorded. */
  readonly trace: LeaseTrace | undefined;
}

export class LeaseState implements LeaseBackend {
  readonly events = new LeaseEvents();
  readonly pool: WorkerPool;
  readonly closed: Promise<EndReason>;
  overReason: EndReason | undefined;
  expiresMs: number;
  moves = 0;
  startup: LeaseStartup | undefined;
  readonly #context: LeaseStateOptions;
  readonly #partContext: PartContext;
  readonly #setClosed: (reason: EndReason) => void;
  #parts: readonly LeasePart[];
  /** By number, also those that attach and those whose last calls finish. */
  readonly #known = new Map<number, LeasePart>();
  readonly #partOf = new WeakMap<WorkerSession, LeasePart>();
  /** Parts that have ended, and were not replaced. */
  readonly #gone: { readonly part: LeasePart; readonly reason: EndReason }[] = [];
  #lastVerdict: Verdict;

  constructor(context: LeaseStateOptions) {
    this.#context = context;
    this.expiresMs = context.expiresMs;
    const { workerIndexes, graceMs } = context.options;
    this.pool = new WorkerPool(context.pump, workerIndexes.length, graceMs + OVERDUE_MS);
    this.#partContext = {
      ...context,
      pool: this.pool,
      onSession: (session, part) => this.#partOf.set(session, part),
      onMissing: (part, worker, reason) => this.#onMissing(part, worker, reason),
    };
    this.#parts = this.#makeParts(context.parts);
    const { promise, resolve } = Promise.withResolvers<EndReason>();
    this.closed = promise;
    this.#setClosed = resolve;
  }

  get parts(): readonly LeasePart[] {
    return this.#parts;
  }

  /**
   * Attaches to all workers.
   *
   * @throws {RfaasError} When an attempt fails.
   * @throws {unknown} The signal's reason, when it fires.
   */
  async begin(signal: AbortSignal): Promise<void> {
    const failed = new AbortController(); // ends the other attempts
    const either = AbortSignal.any([signal, failed.signal]);
    const attempts = await Promise.allSettled(
      this.#context.parts.map(async ({ executors }, at) => {
        try {
          const part = this.#parts[at]!;
          await part.attach(executors, part.workerIndexes, either);
        } catch (error) {
          failed.abort(error);
          throw error;
        }
      }),
    );
    if (attempts.some(({ status }) => status === "rejected")) throw either.reason;
  }

  /** Handles an event from the keeper. */
  onEvent(event: KeeperLeaseEvent): void {
    switch (event.type) {
      case "renewed":
        this.expiresMs = event.expiresMs;
        return this.events.emit({ type: "renewed", expires: new Date(event.expiresMs) });
      case "over":
        return this.end(event.reason);
      case "ended":
        this.#context.keeper.forget(this.#context.key);
        return this.#setClosed(this.overReason ?? CLOSED);
      case "granted":
      case "log":
        return;
    }
    const part = this.#known.get(event.part);
    if (part === undefined || this.overReason) return;
    const { node } = part;
    switch (event.type) {
      case "lost":
        part.lose(event.worker, event.generation);
        this.#context.trace?.executorLost(part, event.worker, event.reason);
        return this.events.emit({
          type: "lost",
          node,
          worker: event.worker,
          reason: event.reason,
        });
      case "executor":
        return void this.#recover(part, event.executor);
      case "draining":
        this.#context.trace?.partLeaving(part, "draining");
        return this.events.emit({ type: "draining", node, graceMs: event.graceMs });
      case "gone":
        part.end(this.#lossError("attaching", part, part.verdict));
        this.#context.trace?.partLeaving(part, event.reason.code);
        return this.events.emit({ type: "lost", node, reason: event.reason });
      case "moved":
        this.expiresMs = event.expiresMs;
        return void this.#move(part, event.parts);
      case "shrunk":
        return this.#shrink(part, event.reason);
    }
  }

  lose(session: WorkerSession): void {
    this.pool.lose(session);
  }

  live(session: WorkerSession): boolean {
    return this.#partOf.get(session)?.live ?? false;
  }

  nodeOf(session: WorkerSession): string {
    return this.#partOf.get(session)?.node ?? "";
  }

  lossErrorSync(
    name: string,
    slot: ClientSlot | undefined,
    session: WorkerSession,
  ): RfaasError {
    const part = this.#partOf.get(session)!;
    return this.#lossError(name, part, part.verdictSync(session), slot, session);
  }

  async lossOf(
    name: string,
    slot: ClientSlot | undefined,
    session: WorkerSession,
    givenUp: () => boolean,
  ): Promise<Loss> {
    const part = this.#partOf.get(session)!;
    const verdict = await part.verdictOf(session, givenUp);
    const error = this.#lossError(name, part, verdict, slot, session);
    const isOver = verdict?.kind === "over" || verdict?.kind === "node";
    // The status word may change before the event that other parts go on, or that none does.
    const others = this.#parts.some((other) => other !== part && other.live);
    const suspect = isOver ? undefined : isCulprit(verdict, slot, session) ? "call" : "any";
    return { error, again: !this.overReason && (!isOver || others), suspect };
  }

  noWorkerError(name: string, worker: number | undefined): RfaasError | undefined {
    if (this.overReason) return this.overError(name, this.overReason);
    if (worker !== undefined && this.pool.session(worker) === null) {
      const { part, reason } = this.#gone.findLast(({ part }) =>
        part.workerIndexes.includes(worker)
      )!;
      const message =
        `Cannot call ${name}: worker ${worker} ended with node ${part.node}, no other node has the capacity: ${reason.message}`;
      return new NodeLostError(message, "not-run", { code: reason.code });
    }
    // A loop of synchronous calls handles no events, so the status words are read.
    const parts = this.#parts.filter((part) =>
      worker === undefined || part.workerIndexes.includes(worker)
    );
    const [part] = parts;
    if (part === undefined || parts.some(({ live }) => live)) return undefined;
    return this.#lossError(name, part, part.verdict);
  }

  overError(name: string, reason: EndReason): RfaasError {
    const verdict = this.#lastVerdict;
    const part = this.#parts[0];
    if (verdict?.kind === "node" && part) {
      return lossError({ name, node: part.node, posted: false }, verdict);
    }
    return leaseOverError(`Cannot call ${name}`, reason);
  }

  end(reason: EndReason): void {
    if (this.overReason) return;
    this.overReason = reason;
    this.#context.trace?.ended(reason);
    const last = this.#parts.find(({ verdict }) => verdict?.kind !== "node") ?? this.#parts[0];
    this.#lastVerdict = last?.verdict;
    for (const task of this.pool.takeWaiting()) {
      const { session } = task;
      const part = (session && this.#partOf.get(session)) ?? last;
      task.fail(
        part
          ? this.#lossError(task.name, part, part.verdict, task.slot, session)
          : this.overError(task.name, reason),
      );
    }
    for (const part of this.#known.values()) part.end(this.overError("a function", reason));
    this.events.emit({ type: "closed", reason });
    this.#context.keeper.end(this.#context.key);
  }

  #makeParts(grants: readonly PartGrant[]): LeasePart[] {
    return grants.map((grant) => {
      const part = new LeasePart(grant, this.#partContext);
      this.#known.set(part.number, part);
      return part;
    });
  }

  async #recover(part: LeasePart, executor: Executor): Promise<void> {
    const { worker } = executor;
    part.lose(worker);
    try {
      await part.attach([executor], [worker]);
      this.#context.trace?.recovered(part, worker);
      this.events.emit({ type: "recovered", node: part.node, worker });
    } catch {
      // The executor has ended again, or the part has: the keeper sends the next event within RECOVERY_MS.
      part.awaitExecutor(worker);
    }
  }

  /** A worker has had no executor for too long. Calls that wait for it alone fail; without any worker the part is given up. */
  #onMissing(part: LeasePart, worker: number, reason: EndReason): void {
    if (!part.serves) {
      return this.#context.keeper.abandon(this.#context.key, part.number, reason);
    }
    for (const task of this.pool.takeWaitingFor(worker)) {
      const posted = task.slot?.mayHaveBegun === true;
      task.fail(lossError({ name: task.name, node: part.node, posted }, {
        kind: "executor",
        reason,
      }));
    }
    part.awaitExecutor(worker);
  }

  /** Replaces a part by parts on other nodes. New calls go there, those in flight finish where they are. */
  async #move(old: LeasePart, grants: readonly PartGrant[]): Promise<void> {
    const fresh = this.#makeParts(grants);
    this.#parts = this.#parts.flatMap((part) => part === old ? fresh : [part]);
    // Until they have attached, calls go to the old part if it lives.
    const attempts = await Promise.all(fresh.map(async (part, at) => {
      try {
        const { replaced } = await part.attach(grants[at]!.executors, part.workerIndexes);
        old.leave();
        this.moves++;
        this.events.emit({ type: "moved", node: part.node });
        return { replaced };
      } catch {
        for (const worker of part.workerIndexes) part.awaitExecutor(worker);
        return undefined;
      }
    }));
    this.#context.trace?.moved(old, fresh, attempts.includes(undefined));
    await Promise.all(attempts.map((attempt) => attempt?.replaced));
    // If one of them failed, the old part serves on until the end of its grace period.
    if (this.overReason || attempts.includes(undefined)) return;
    this.#known.delete(old.number);
    this.#context.keeper.leave(this.#context.key, old.number);
  }

  #shrink(part: LeasePart, reason: EndReason): void {
    part.end(this.#lossError("attaching", part, part.verdict));
    this.#context.trace?.shrunk(part, reason);
    this.#known.delete(part.number);
    this.#gone.push({ part, reason });
    this.#parts = this.#parts.filter((each) => each !== part);
    for (const task of this.pool.remove(part.workerIndexes)) {
      task.fail(this.noWorkerError(task.name, task.worker));
    }
    const workers = this.#parts.reduce((sum, { workerIndexes }) => sum + workerIndexes.length, 0);
    this.events.emit({ type: "shrunk", node: part.node, workers, reason });
  }

  /** @param slot The slot in which the call was sent on `session`; `undefined` if it was not sent. */
  #lossError(
    name: string,
    part: LeasePart,
    verdict: Verdict,
    slot?: ClientSlot,
    session?: WorkerSession,
  ): RfaasError {
    const over = this.overReason;
    const isCut = over?.code === "draining"; // then the error has an outcome
    if (over && !isCut && verdict?.kind !== "node") return this.overError(name, over);
    const posted = slot?.mayHaveBegun === true;
    return lossError(
      { name, node: part.node, posted, culprit: isCulprit(verdict, slot, session) },
      verdict,
    );
  }
}

/** Whether a call caused the end of its executor: the node named its slot, or else it is the most likely one. */
function isCulprit(verdict: Verdict, slot?: ClientSlot, session?: WorkerSession): boolean {
  if (slot === undefined || verdict?.kind !== "executor") return false;
  return verdict.slot === undefined ? session?.suspect === slot : verdict.slot === slot.index;
}
