/** A lease: workers that run one function package for one client, for a while. */

import type { Provider } from "../fabric/fabric.ts";
import { CallTask, type InvokeOptions } from "./call_task.ts";
import {
  ArgumentTooLong,
  Busy,
  ExecutorLost,
  LeaseOver,
  NodeLost,
  type RfaasError,
  UnknownFunction,
} from "./errors.ts";
import type { KeeperLink, LeaseNews } from "./keeper_link.ts";
import { type LeaseEvent, LeaseEvents } from "./lease_events.ts";
import type { CheckedLeaseOptions } from "./lease_options.ts";
import type { LeaseWords, Verdict } from "./lease_words.ts";
import { mapInputs, type MapOptions } from "./map.ts";
import type { Executor } from "./node_protocol.ts";
import { MAX_WAITING_CALLS, RECOVERY_MS, VERDICT_MS } from "./policy.ts";
import { type CallHost, PreparedCall, type PrepareOptions } from "./prepared_call.ts";
import type { Pump } from "./pump.ts";
import { SlotQueue } from "./slot_queue.ts";
import { WorkerSession } from "./worker_session.ts";

/** How long attaching to a fresh executor may take: it loads the package. */
const ATTACH_MS = 10_000;
/** How often a call of an idempotent function is done again. */
const MAX_ATTEMPTS = 5;

/** What a lease is made of, from its client. */
export interface LeaseParts {
  readonly key: number;
  readonly id: string;
  readonly node: string;
  readonly options: CheckedLeaseOptions;
  readonly words: LeaseWords;
  readonly keeper: KeeperLink;
  readonly pump: Pump;
  readonly fabric: Provider;
  readonly expiresMs: number;
  /** The sequence number before the first; tests start it high. */
  readonly firstSequence: number;
  readonly yieldCore: () => void;
}

export class Lease implements AsyncDisposable {
  /** 128 random bits in hex. */
  readonly id: string;
  /** The name of the node that serves it. */
  readonly node: string;
  /** Workers. */
  readonly workers: number;
  /** Settles with the reason once the lease has ended and everything is given back. */
  readonly closed: Promise<string>;
  readonly #o: LeaseParts;
  readonly #events = new LeaseEvents();
  readonly #queue = new SlotQueue();
  readonly #setClosed: (reason: string) => void;
  readonly #host: CallHost;
  #sessions: WorkerSession[] = [];
  #generation = 0;
  #attaching: AbortController | undefined;
  #expiresMs: number;
  #overReason = "";
  #recoveryTimer: ReturnType<typeof setTimeout> | undefined;
  #next = 0;

  /** @internal Use {@linkcode Client.lease}. */
  constructor(parts: LeaseParts) {
    this.#o = parts;
    this.id = parts.id;
    this.node = parts.node;
    this.workers = parts.options.workers;
    this.#expiresMs = parts.expiresMs;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#setClosed = resolve;
    this.#host = {
      maxBytes: parts.options.maxBytes,
      sessionFor: (worker) => this.#sessionFor(worker),
      onLost: (session) => this.#lose(session),
      lossError: (name, _session, posted) => this.#lossErrorSync(name, posted),
      kick: () => this.#o.pump.kick(),
      onFree: () => this.#serveQueue(),
      yieldCore: parts.yieldCore,
    };
  }

  /** When the term ends, unless it is renewed. */
  get expires(): Date {
    return new Date(this.#expiresMs);
  }

  /** The names of the package's functions. */
  get functions(): string[] {
    return [...this.#sessions[0]?.functions.keys() ?? []];
  }

  /**
   * Calls a function with a copy of `input` and gives its result as a copy of the caller's own.
   *
   * @throws {UnknownFunction} {ArgumentTooLong} {ResultTooLong} {FunctionError} {DeadlineExceeded} {Busy}
   * {ExecutorLost} {NodeLost} {LeaseOver}, or the signal's reason.
   */
  invoke(name: string, input: Uint8Array, options: InvokeOptions = {}): Promise<Uint8Array> {
    try {
      options.signal?.throwIfAborted();
      this.#checkCall(name, input, options);
    } catch (error) {
      return Promise.reject(error);
    }
    const task = new CallTask(
      name,
      input,
      this.#o.options.maxBytes,
      options,
      this.#onTaskFree,
      this.#onTaskLost,
    );
    this.#submit(task);
    return task.promise;
  }

  /**
   * Calls a function for every input, {@linkcode MapOptions.concurrency} at a time; results come in the inputs' order.
   *
   * The first failure ends it and gives up the rest; the error's `index` names the input.
   */
  map(
    name: string,
    inputs: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options: MapOptions = {},
  ): Promise<Uint8Array[]> {
    const { deadlineMs } = options;
    return mapInputs(
      inputs,
      options.concurrency ?? this.workers * this.#o.options.depth,
      options,
      (input, signal) =>
        this.invoke(name, input, deadlineMs === undefined ? { signal } : { signal, deadlineMs }),
    );
  }

  /**
   * Takes a slot for calls that copy and allocate nothing.
   *
   * @throws {UnknownFunction} {ArgumentTooLong} {Busy} {LeaseOver}
   */
  prepare(name: string, options: PrepareOptions = {}): PreparedCall {
    this.#checkWorker(options.worker);
    return new PreparedCall(this.#host, name, options);
  }

  /** What happens to the lease from now on; ends when it is closed. */
  status(): AsyncIterableIterator<LeaseEvent> {
    return this.#events.read();
  }

  /** Gives the lease back. Calls under way fail with {@linkcode LeaseOver}. May be called twice. */
  async close(): Promise<void> {
    if (this.#overReason === "") {
      this.#end("closed by the client");
    }
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal Attaches to an executor's workers; calls that wait are posted. */
  async attach(executor: Executor, signal?: AbortSignal): Promise<void> {
    this.#attaching?.abort();
    const attaching = this.#attaching = new AbortController();
    const both = signal ? AbortSignal.any([signal, attaching.signal]) : attaching.signal;
    const { depth, maxBytes } = this.#o.options;
    const secret = Uint8Array.fromHex(executor.secret);
    const attempts = await Promise.allSettled(
      executor.addresses.map((address, worker) =>
        WorkerSession.attach(this.#o.fabric, {
          address,
          worker,
          secret,
          depth,
          maxBytes,
          firstSequence: this.#o.firstSequence,
          timeoutMs: ATTACH_MS,
          signal: both,
        })
      ),
    );
    const sessions = attempts.flatMap((attempt) =>
      attempt.status === "fulfilled" ? [attempt.value] : []
    );
    const failed = attempts.find((attempt) => attempt.status === "rejected");
    if (failed || attaching.signal.aborted || this.#overReason !== "") {
      for (const session of sessions) session.close();
      throw failed?.reason ?? new LeaseOver("Cannot attach to the workers: the lease is over");
    }
    clearTimeout(this.#recoveryTimer);
    this.#generation = executor.generation;
    this.#sessions = sessions;
    for (const session of sessions) {
      session.onFreed = () => this.#serveQueue();
      this.#o.pump.add(session);
    }
    this.#serveQueue();
  }

  /** @internal News from the keeper. */
  hear(news: LeaseNews): void {
    if (news.type === "renewed") {
      this.#expiresMs = news.expiresMs;
      this.#events.emit({ type: "renewed", expires: this.expires });
    } else if (news.type === "lost") {
      if (news.generation === this.#generation) {
        for (const session of this.#sessions) this.#lose(session);
      }
      this.#events.emit({ type: "lost", reason: news.reason });
    } else if (news.type === "executor") {
      this.#recover(news.executor);
    } else if (news.type === "over") {
      this.#end(news.reason);
    } else if (news.type === "ended") {
      this.#o.keeper.forget(this.#o.key);
      this.#setClosed(this.#overReason);
    }
  }

  /** @internal A connection was found gone. */
  lose(session: WorkerSession): void {
    this.#lose(session);
  }

  readonly #onTaskFree = () => this.#serveQueue();

  readonly #onTaskLost = (task: CallTask) => {
    this.#explain(task, this.#generation);
  };

  #checkCall(name: string, input: Uint8Array, options: InvokeOptions): void {
    const { maxBytes } = this.#o.options;
    if (this.#overReason !== "") throw this.#overError(name);
    if (!(input instanceof Uint8Array)) {
      throw new TypeError(`Cannot call ${name}: the argument is no Uint8Array`);
    }
    if (input.length > maxBytes) {
      throw new ArgumentTooLong(
        `Cannot call ${name}: the argument has ${input.length} bytes, the lease's maxBytes is ${maxBytes}`,
      );
    }
    this.#checkWorker(options.worker);
    const { deadlineMs } = options;
    if (deadlineMs !== undefined && !(deadlineMs >= 0)) {
      throw new RangeError(`Cannot call ${name}: deadlineMs must be 0 or more, not ${deadlineMs}`);
    }
    const known = this.#sessions[0]?.functions;
    if (known && !known.has(name)) {
      throw new UnknownFunction(
        `Cannot call ${name}: the package exports no such function, only ${
          [...known.keys()].join(", ")
        }`,
      );
    }
  }

  #checkWorker(worker: number | undefined): void {
    if (
      worker !== undefined && !(Number.isInteger(worker) && worker >= 0 && worker < this.workers)
    ) {
      throw new RangeError(
        `Cannot call worker ${worker}: the lease has workers 0 to ${this.workers - 1}`,
      );
    }
  }

  /** Posts a call, or lets it wait for a slot. */
  #submit(task: CallTask): void {
    const session = this.#queue.length === 0 ? this.#pick(task.worker) : undefined;
    if (session) return this.#post(task, session);
    if (this.#queue.length >= MAX_WAITING_CALLS) {
      return task.fail(
        new Busy(`Cannot call ${task.name}: ${MAX_WAITING_CALLS} calls wait for a free slot`),
      );
    }
    if (this.#sessions.length > 0 && this.#allHeld(task.worker)) {
      return task.fail(new Busy(`Cannot call ${task.name}: prepared calls hold every slot`));
    }
    this.#queue.push(task);
  }

  /** The next session in turn that has a free slot. */
  #pick(worker: number | undefined): WorkerSession | undefined {
    if (worker !== undefined) {
      const session = this.#sessions[worker];
      return session && session.freeSlots > 0 ? session : undefined;
    }
    for (let i = 0; i < this.#sessions.length; i++) {
      this.#next = (this.#next + 1) % this.#sessions.length;
      const session = this.#sessions[this.#next]!;
      if (session.freeSlots > 0) return session;
    }
    return undefined;
  }

  /** No call is under way whose end would free a slot. */
  #allHeld(worker: number | undefined): boolean {
    return this.#sessions.every((session) =>
      (worker !== undefined && session.worker !== worker) || session.outstanding === 0
    );
  }

  #post(task: CallTask, session: WorkerSession): void {
    const slot = session.acquire()!;
    try {
      task.post(session, slot);
    } catch (error) {
      if (session.functions.has(task.name)) {
        this.#lose(session);
        if (!task.settled) this.#queue.push(task); // nothing was sent: it may wait for the next executor
        return;
      }
      session.release(slot);
      return task.fail(error);
    }
    this.#o.pump.kick();
  }

  #serveQueue(): void {
    for (const session of this.#sessions) {
      while (session.freeSlots > 0) {
        const task = this.#queue.takeFor(session);
        if (!task) break;
        this.#post(task, session);
      }
    }
  }

  #sessionFor(worker: number | undefined): WorkerSession {
    if (this.#overReason !== "") throw this.#overError("a function");
    const session = worker === undefined
      ? this.#sessions.reduce<WorkerSession | undefined>(
        (best, one) => !best || one.freeSlots > best.freeSlots ? one : best,
        undefined,
      )
      : this.#sessions[worker];
    if (!session) {
      throw new ExecutorLost("Cannot call: the lease waits for a fresh executor", "not-run");
    }
    return session;
  }

  /** A connection went: the whole executor is gone, for all its workers. */
  #lose(session: WorkerSession): void {
    if (!this.#sessions.includes(session)) return;
    const sessions = this.#sessions;
    this.#sessions = [];
    for (const one of sessions) {
      while (one.poll()); // replies that came before the end still count
      this.#o.pump.remove(one);
      one.close();
    }
    if (this.#overReason !== "") return;
    this.#recoveryTimer = setTimeout(
      () => this.#end("no fresh executor came in time"),
      RECOVERY_MS,
    );
  }

  /** Settles a call that was cut: again if that is allowed, else with the reason, for which the keeper is asked. */
  async #explain(task: CallTask, generation: number): Promise<void> {
    const untilMs = performance.now() + VERDICT_MS;
    let verdict: Verdict;
    while (
      !(verdict = this.#o.words.verdict(generation)) && performance.now() < untilMs && !task.settled
    ) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (task.settled) return;
    const again = this.#o.options.idempotent.has(task.name) && task.attempts < MAX_ATTEMPTS;
    if (again && this.#overReason === "" && (!verdict || verdict.kind === "executor")) {
      this.#submit(task);
    } else task.fail(this.#lossError(task.name, verdict, true));
  }

  #lossErrorSync(name: string, posted: boolean): RfaasError {
    return this.#lossError(name, this.#o.words.verdictSync(this.#generation, VERDICT_MS), posted);
  }

  #lossError(name: string, verdict: Verdict, posted: boolean): RfaasError {
    const outcome = posted ? "unknown" : "not-run";
    if (this.#overReason !== "" && verdict?.kind !== "node") return this.#overError(name);
    const cause = verdict ? { cause: new Error(verdict.reason) } : {};
    const why = verdict?.reason ?? "its connection went, the reason is not known";
    if (verdict?.kind === "over") {
      return new LeaseOver(`Cannot finish ${name}: the lease is over (${why})`, cause);
    }
    if (verdict?.kind === "node") {
      return new NodeLost(
        `Cannot finish ${name}: node ${this.node} is lost: ${why}`,
        outcome,
        cause,
      );
    }
    return new ExecutorLost(`Cannot finish ${name}: its executor is lost: ${why}`, outcome, cause);
  }

  #overError(name: string): LeaseOver {
    return new LeaseOver(`Cannot call ${name}: the lease is over (${this.#overReason})`);
  }

  async #recover(executor: Executor): Promise<void> {
    for (const session of this.#sessions) this.#lose(session);
    try {
      await this.attach(executor);
      this.#events.emit({ type: "recovered" });
    } catch {
      // the executor has ended again, or the lease: the keeper tells what comes next
    }
  }

  #end(reason: string): void {
    if (this.#overReason !== "") return;
    this.#overReason = reason;
    clearTimeout(this.#recoveryTimer);
    this.#attaching?.abort();
    const verdict = this.#o.words.verdict(this.#generation);
    for (const task of this.#queue.takeAll()) {
      task.fail(
        verdict?.kind === "node"
          ? this.#lossError(task.name, verdict, task.attempts > 0)
          : this.#overError(task.name),
      );
    }
    const [session] = this.#sessions;
    if (session) this.#lose(session);
    this.#events.emit({ type: "closed", reason });
    this.#o.keeper.end(this.#o.key);
  }
}
