/** The life of a lease: what becomes of its parts, from the grant to the end. */

import { NodeLost, type RfaasError } from "../errors.ts";
import type { PartGrant } from "../keeper/keeper_messages.ts";
import type { KeeperLink, LeaseNews } from "./keeper_link.ts";
import { LeaseEvents } from "./lease_events.ts";
import { LeasePart, type PartContext } from "./lease_part.ts";
import type { Verdict } from "../keeper/lease_words.ts";
import { isTakenBack, leaseOverError, lossError } from "./loss.ts";
import type { Executor } from "../protocol/node_protocol.ts";
import type { Pump } from "../call/pump.ts";
import { WorkerCrew } from "../call/worker_crew.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/** What a lease is made of, from its client. */
export interface LeaseContext extends Omit<PartContext, "crew" | "made" | "abandon"> {
  readonly key: number;
  readonly parts: readonly PartGrant[];
  readonly keeper: KeeperLink;
  readonly pump: Pump;
  readonly expiresMs: number;
}

export class LeaseLife {
  readonly events = new LeaseEvents();
  readonly crew: WorkerCrew;
  /** Settles with the reason once the lease has ended and everything is given back. */
  readonly closed: Promise<string>;
  /** Why it has ended; empty while it lives. */
  overReason = "";
  expiresMs: number;
  readonly #context: LeaseContext;
  readonly #partContext: PartContext;
  readonly #setClosed: (reason: string) => void;
  #parts: readonly LeasePart[];
  /** By their numbers, with those that attach and those whose last calls finish. */
  readonly #known = new Map<number, LeasePart>();
  readonly #partOf = new WeakMap<WorkerSession, LeasePart>();
  /** What became of parts that are gone for good. */
  readonly #gone: { readonly part: LeasePart; readonly reason: string }[] = [];
  #lastVerdict: Verdict;

  constructor(context: LeaseContext) {
    this.#context = context;
    this.expiresMs = context.expiresMs;
    this.crew = new WorkerCrew(context.pump, context.options.workers);
    this.#partContext = {
      ...context,
      crew: this.crew,
      made: (session, part) => this.#partOf.set(session, part),
      abandon: ({ number }, reason) => context.keeper.abandon(context.key, number, reason),
    };
    this.#parts = this.#makeParts(context.parts);
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#setClosed = resolve;
  }

  get parts(): readonly LeasePart[] {
    return this.#parts;
  }

  /** Attaches to all workers. @throws {RfaasError} if it can't, or the signal's reason. */
  async begin(signal: AbortSignal): Promise<void> {
    const failed = new AbortController(); // the others need not be waited for
    const either = AbortSignal.any([signal, failed.signal]);
    const attempts = await Promise.allSettled(
      this.#context.parts.map(async ({ executor }, at) => {
        try {
          await this.#parts[at]!.attach(executor, either);
        } catch (error) {
          failed.abort(error);
          throw error;
        }
      }),
    );
    if (attempts.some(({ status }) => status === "rejected")) throw either.reason;
  }

  /** News from the keeper. */
  hear(news: LeaseNews): void {
    switch (news.type) {
      case "renewed":
        this.expiresMs = news.expiresMs;
        return this.events.emit({ type: "renewed", expires: new Date(news.expiresMs) });
      case "over":
        return this.end(news.reason);
      case "ended":
        this.#context.keeper.forget(this.#context.key);
        return this.#setClosed(this.overReason);
      case "granted":
      case "log":
        return;
    }
    const part = this.#known.get(news.part);
    if (part === undefined || this.overReason !== "") return;
    const { node } = part;
    switch (news.type) {
      case "lost":
        part.lose(news.generation);
        return this.events.emit({ type: "lost", node, reason: news.reason });
      case "executor":
        return void this.#recover(part, news.executor);
      case "draining":
        return this.events.emit({ type: "draining", node, noticeMs: news.noticeMs });
      case "gone":
        part.end(this.#lossError("attaching", part, part.verdict, false));
        return this.events.emit({ type: "lost", node, reason: news.reason });
      case "moved":
        this.expiresMs = news.expiresMs;
        return void this.#move(part, news.parts);
      case "shrunk":
        return this.#shrink(part, news.reason);
    }
  }

  /** A connection was found gone. */
  lose(session: WorkerSession): void {
    this.crew.lose(session);
  }

  /** Has neither the lease nor the session's node ended? A look at a word. */
  live(session: WorkerSession): boolean {
    return this.#partOf.get(session)?.live ?? false;
  }

  /** The name of the session's node. */
  nodeOf(session: WorkerSession): string {
    return this.#partOf.get(session)?.node ?? "";
  }

  /** The error for a call that was lost on this session; blocks for a moment to learn why. */
  lossErrorSync(name: string, posted: boolean, session: WorkerSession): RfaasError {
    const part = this.#partOf.get(session)!;
    return this.#lossError(name, part, part.verdictSync(session), posted);
  }

  /**
   * Waits a moment to learn why a session was lost.
   *
   * @returns the error for a call on it, and whether the lease can do the call again elsewhere.
   */
  async lossOf(name: string, session: WorkerSession, given: () => boolean) {
    const part = this.#partOf.get(session)!;
    const verdict = await part.verdictOf(session, given);
    const error = this.#lossError(name, part, verdict, true);
    const isOver = verdict?.kind === "over" || verdict?.kind === "node";
    // The word may be here before the news that other parts go on, or that none does.
    const others = this.#parts.some((other) => other !== part && other.live);
    return { error, again: this.overReason === "" && (!isOver || others) };
  }

  /** Why no worker, or not this one, serves. */
  noWorkerError(name: string, worker: number | undefined): RfaasError | undefined {
    if (this.overReason !== "") return this.overError(name);
    if (worker !== undefined && this.crew.session(worker) === null) {
      const { part, reason } = this.#gone.findLast(({ part }) => part.places.includes(worker))!;
      const message =
        `Cannot call ${name}: worker ${worker} is gone with node ${part.node}, and no other has room: ${reason}`;
      return new NodeLost(message, "not-run");
    }
    // A loop of synchronous calls hears no news, but the words tell.
    const parts = this.#parts.filter((part) =>
      worker === undefined || part.places.includes(worker)
    );
    const [part] = parts;
    if (part === undefined || parts.some(({ live }) => live)) return undefined;
    return this.#lossError(name, part, part.verdict, false);
  }

  overError(name: string): RfaasError {
    const verdict = this.#lastVerdict;
    const part = this.#parts[0];
    if (verdict?.kind === "node" && part) {
      return lossError({ name, node: part.node, posted: false }, verdict);
    }
    return leaseOverError(`Cannot call ${name}`, this.overReason);
  }

  /** Ends it, and gives it back. May be called twice. */
  end(reason: string): void {
    if (this.overReason !== "") return;
    this.overReason = reason;
    const last = this.#parts.find(({ verdict }) => verdict?.kind !== "node") ?? this.#parts[0];
    this.#lastVerdict = last?.verdict;
    for (const task of this.crew.dismiss()) {
      const { session } = task;
      const part = (session && this.#partOf.get(session)) ?? last;
      const posted = task.attempts > 0;
      task.fail(
        part ? this.#lossError(task.name, part, part.verdict, posted) : this.overError(task.name),
      );
    }
    for (const part of this.#known.values()) part.end(this.overError("a function"));
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
    part.lose();
    try {
      await part.attach(executor);
      this.events.emit({ type: "recovered", node: part.node });
    } catch {
      // The executor has ended again, or the part: the keeper tells what comes next, but not for ever.
      part.awaitExecutor();
    }
  }

  /** Other nodes take a part's place: new calls go there, what is under way finishes where it is. */
  async #move(old: LeasePart, grants: readonly PartGrant[]): Promise<void> {
    const fresh = this.#makeParts(grants);
    this.#parts = this.#parts.flatMap((part) => part === old ? fresh : [part]);
    // Until they have attached, calls go to the old one, if it lives.
    const attempts = await Promise.all(fresh.map(async (part, at) => {
      try {
        const { left } = await part.attach(grants[at]!.executor);
        old.leave();
        this.events.emit({ type: "moved", node: part.node });
        return { left };
      } catch {
        part.awaitExecutor();
        return undefined;
      }
    }));
    await Promise.all(attempts.map((attempt) => attempt?.left));
    // Without one for each of its workers it serves on, as long as its notice runs.
    if (this.overReason !== "" || attempts.includes(undefined)) return;
    this.#known.delete(old.number);
    this.#context.keeper.leave(this.#context.key, old.number);
  }

  #shrink(part: LeasePart, reason: string): void {
    part.end(this.#lossError("attaching", part, part.verdict, false));
    this.#known.delete(part.number);
    this.#gone.push({ part, reason });
    this.#parts = this.#parts.filter((each) => each !== part);
    for (const task of this.crew.remove(part.places)) {
      task.fail(this.noWorkerError(task.name, task.worker));
    }
    const workers = this.#parts.reduce((sum, { places }) => sum + places.length, 0);
    this.events.emit({ type: "shrunk", node: part.node, workers, reason });
  }

  #lossError(name: string, part: LeasePart, verdict: Verdict, posted: boolean): RfaasError {
    const isOver = this.overReason !== "" && !isTakenBack(this.overReason);
    if (isOver && verdict?.kind !== "node") return this.overError(name);
    return lossError({ name, node: part.node, posted }, verdict);
  }
}
