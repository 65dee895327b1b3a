/** A part of a lease: the executor on one node, as the thread that calls sees it. */

import type { Fabrics } from "../../fabric/open.ts";
import { attachAll } from "./attach_all.ts";
import { ExecutorLost } from "../errors.ts";
import type { PartGrant } from "../keeper/keeper_messages.ts";
import type { CheckedLeaseOptions } from "./lease_options.ts";
import { LeaseWords, type Verdict } from "../keeper/lease_words.ts";
import { awaitVerdict, lossError } from "./loss.ts";
import type { Executor } from "../protocol/node_protocol.ts";
import { RECOVERY_MS, VERDICT_MS } from "../policy.ts";
import type { WorkerCrew } from "../call/worker_crew.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/** What the parts of a lease share. */
export interface PartContext {
  readonly options: CheckedLeaseOptions;
  readonly fabrics: Fabrics;
  /** The sequence number before the first; tests start it high. */
  readonly firstSequence: number;
  /** How long attaching to a worker may take. */
  readonly attachMs: number;
  readonly crew: WorkerCrew;
  /** Told of each session: by it a call finds its part again. */
  readonly made: (session: WorkerSession, part: LeasePart) => void;
  /** A part has had no executor for too long. */
  readonly abandon: (part: LeasePart, reason: string) => void;
}

/** What calls are told that a node did not finish before its notice had run out. */
const TAKEN_BACK: Verdict = { kind: "executor", reason: "draining: its node was taken back" };

export class LeasePart {
  /** Names it between this thread and the keeper. */
  readonly number: number;
  /** The lease's id with the resource manager. */
  readonly id: string;
  /** The node's name. */
  readonly node: string;
  /** The places of its workers in the lease. */
  readonly places: readonly number[];
  readonly #words: LeaseWords;
  readonly #context: PartContext;
  /** A call may ask for the reason of its loss when a fresh executor is there already. */
  readonly #generations = new WeakMap<WorkerSession, number>();
  #generation = 0;
  #sessions: readonly WorkerSession[] = [];
  #attaching: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #left = false;
  #over = false;

  constructor(grant: PartGrant, context: PartContext) {
    this.number = grant.part;
    this.id = grant.lease;
    this.node = grant.node;
    this.places = grant.places;
    this.#words = new LeaseWords(grant.words);
    this.#context = context;
  }

  /** Has neither the lease nor the node ended? A look at a word. */
  get live(): boolean {
    return this.#words.live;
  }

  /** What is known of the end of its present executor; `undefined` while nothing is. */
  get verdict(): Verdict {
    return this.#words.verdict(this.#generation);
  }

  /** Others take its place. Were it to attach after them, it would take theirs, and then be given back. */
  leave(): void {
    this.#left = true;
    clearTimeout(this.#timer);
    this.#attaching?.abort(
      new ExecutorLost("Cannot attach to the workers: others took over", "not-run"),
    );
  }

  /** Serves no more: what is under way is told so. */
  end(reason: Error): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#attaching?.abort(reason);
    for (const session of this.#sessions) this.#context.crew.lose(session); // those that it has left as well
  }

  /**
   * Attaches to an executor's workers; calls that wait are posted.
   *
   * @returns `left` settles when no call is under way any more on sessions whose places they took.
   * @throws {RfaasError} why it failed.
   */
  async attach(executor: Executor, signal?: AbortSignal): Promise<{ left: Promise<void> }> {
    const message = "Cannot attach to the workers: another executor took over";
    this.#attaching?.abort(new ExecutorLost(message, "not-run"));
    const attaching = this.#attaching = new AbortController();
    const { fabrics, options, crew, made } = this.#context;
    const { generation } = executor;
    const both = signal ? AbortSignal.any([signal, attaching.signal]) : attaching.signal;
    const sessions = await attachAll(
      fabrics,
      executor,
      options,
      this.#context,
      this.places,
      both,
    ).catch(async (error) => {
      if (!(error instanceof ExecutorLost)) throw error;
      const verdict = await awaitVerdict(this.#words, generation, () => both.aborted);
      throw verdict ? this.#lossError("attaching", false, verdict) : error;
    });
    if (both.aborted) {
      for (const session of sessions) session.close();
      throw both.reason;
    }
    clearTimeout(this.#timer);
    this.#generation = generation;
    this.#sessions = sessions;
    for (const session of sessions) {
      this.#generations.set(session, generation);
      made(session, this);
    }
    return { left: crew.join(sessions, () => this.awaitExecutor()) };
  }

  /** Lets go of its executor, which has ended: of the given generation, or of any. */
  lose(generation = this.#generation): void {
    const session = this.#sessions.find(({ lost, retiring }) => !lost && !retiring);
    if (session && generation === this.#generation) this.#context.crew.lose(session);
  }

  /** There is no executor; the node starts another one, but not for ever. */
  awaitExecutor(): void {
    if (this.#over || this.#left) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#context.abandon(this, "lost: no fresh executor came in time"),
      RECOVERY_MS,
    );
  }

  /** Why a session was lost; waits a moment to be told. `given` ends the wait early. */
  async verdictOf(session: WorkerSession, given: () => boolean): Promise<Verdict> {
    if (session.retiring) return TAKEN_BACK;
    return await awaitVerdict(this.#words, this.#generationOf(session), given);
  }

  /** The same, and blocks. */
  verdictSync(session: WorkerSession): Verdict {
    if (session.retiring) return TAKEN_BACK;
    return this.#words.verdictSync(this.#generationOf(session), VERDICT_MS);
  }

  #generationOf(session: WorkerSession): number {
    return this.#generations.get(session) ?? this.#generation;
  }

  #lossError(name: string, posted: boolean, verdict: Verdict): Error {
    return lossError({ name, node: this.node, posted }, verdict);
  }
}
