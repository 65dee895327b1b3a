/** A lease: workers that run one function package for one client, for a while. */

import { CallTask, type InvokeOptions, unknownFunction } from "./call_task.ts";
import { ArgumentTooLong, ExecutorLost, LeaseOver, type RfaasError } from "./errors.ts";
import type { LeaseNews } from "./keeper_link.ts";
import { type LeaseEvent, LeaseEvents } from "./lease_events.ts";
import type { LeaseControl, LeaseParts } from "./lease_parts.ts";
import type { LeaseStartup } from "./lease_startup.ts";
import type { Verdict } from "./lease_words.ts";
import { awaitVerdict, lossError } from "./loss.ts";
import type { Signature } from "./manifest.ts";
import { mapInputs, type MapOptions } from "./map.ts";
import type { Executor } from "./node_protocol.ts";
import {
  BUSY_PAUSE_MS,
  MAX_ATTEMPTS,
  MAX_BUSY_PAUSE_MS,
  RECOVERY_MS,
  VERDICT_MS,
} from "./policy.ts";
import { type CallHost, PreparedCall, type PrepareOptions } from "./prepared_call.ts";
import { attachAll } from "./attach_all.ts";
import { type Calls, typedCalls } from "./typed/calls.ts";
import { WorkerCrew } from "./worker_crew.ts";
import type { WorkerSession } from "./worker_session.ts";

/** Makes a lease and the client's handle to it. */
export let openLease: (parts: LeaseParts) => { lease: Lease; control: LeaseControl };

/** What calls are told that a node did not finish before its notice had run out. */
const TAKEN_BACK: Verdict = { kind: "executor", reason: "draining: its node was taken back" };

/**
 * A lease on workers of a node. {@linkcode Client.lease} takes it, {@linkcode Lease.close} gives it back.
 *
 * @typeParam M the module of its functions, as `typeof import("./functions.ts")`.
 */
export class Lease<M = unknown> implements AsyncDisposable {
  static {
    openLease = (parts) => {
      const lease = new Lease(parts);
      const control: LeaseControl = {
        attach: (executor, signal) => lease.#attach(executor, signal),
        started: (startup) => lease.#startup = startup,
        hear: (news) => lease.#hear(news),
        lose: (session) => lease.#crew.lose(session),
      };
      return { lease, control };
    };
  }

  /** How many workers it has. */
  readonly workers: number;
  /** Settles with the reason once the lease has ended and everything is given back. */
  readonly closed: Promise<string>;
  /**
   * The package's functions, to be called with values: `lease.call.add({ a: 1, b: 2 })`. Each takes and gives what its
   * codecs say, plain functions bytes, and throws as {@linkcode Lease.invoke} does, and {@linkcode CodecError} for a
   * value that its codec can't write.
   */
  readonly call: Calls<M>;
  readonly #parts: LeaseParts;
  readonly #events = new LeaseEvents();
  readonly #crew: WorkerCrew;
  readonly #host: CallHost;
  readonly #setClosed: (reason: string) => void;
  #id: string;
  #node: string;
  #startup: LeaseStartup | undefined;
  #generation = 0;
  /** A call may ask for the reason of its loss when a fresh executor is there already. */
  readonly #generations = new WeakMap<WorkerSession, number>();
  #attaching: AbortController | undefined;
  #expiresMs: number;
  #overReason = "";
  #recoveryTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.#id = parts.id;
    this.#node = parts.node;
    this.workers = parts.options.workers;
    this.#expiresMs = parts.expiresMs;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#setClosed = resolve;
    this.call = typedCalls({
      signature: (name) => this.#signature(name),
      names: () => this.#crew.signatures.keys(),
      invoke: (name, input, options) => this.invoke(name, input, options),
    });
    this.#crew = new WorkerCrew(parts.pump, () => this.#awaitExecutor());
    this.#host = {
      maxBytes: parts.options.maxBytes,
      sessionFor: (worker) => this.#sessionFor(worker),
      onLost: (session) => this.#crew.lose(session),
      lossError: (name, posted, session) => {
        if (session?.retiring) return this.#lossError(name, TAKEN_BACK, posted);
        const generation = (session && this.#generations.get(session)) ?? this.#generation;
        return this.#lossError(name, parts.words.verdictSync(generation, VERDICT_MS), posted);
      },
      lossLearned: async (session) => {
        const generation = this.#generations.get(session) ?? this.#generation;
        if (!session.retiring) await awaitVerdict(parts.words, generation, () => false);
      },
      live: () => parts.words.live,
      kick: () => parts.pump.kick(),
      onFree: () => this.#crew.serve(),
      yieldCore: parts.yieldCore,
    };
  }

  /** 128 random bits in hex; another when it has moved to another node. */
  get id(): string {
    return this.#id;
  }

  /** The name of the node that serves it. */
  get node(): string {
    return this.#node;
  }

  /** Where the time of its start went. */
  get startup(): LeaseStartup {
    return this.#startup!;
  }

  /** When the term ends, unless it is renewed. */
  get expires(): Date {
    return new Date(this.#expiresMs);
  }

  /** The names of the package's functions. */
  get functions(): string[] {
    return [...this.#crew.functions?.keys() ?? []];
  }

  /**
   * Calls a function with a copy of `input` and gives its result as a copy of the caller's own.
   *
   * @throws {UnknownFunction} {ArgumentTooLong} {ResultTooLong} {FunctionError} {DeadlineExceeded} {Busy}
   * {ExecutorLost} {NodeLost} {LeaseOver}, or the signal's reason.
   */
  invoke(name: string, input: Uint8Array, options: InvokeOptions = {}): Promise<Uint8Array> {
    try {
      this.#checkCall(name, input, options);
    } catch (error) {
      return Promise.reject(error);
    }
    const { maxBytes } = this.#parts.options;
    const task = new CallTask(
      name,
      input,
      maxBytes,
      options,
      this.#host.onFree,
      this.#onTaskLost,
      this.#onTaskBusy,
    );
    if (this.#parts.options.idempotent.has(name)) task.keepInput();
    this.#crew.submit(task);
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
    const { deadlineMs, concurrency = this.workers * this.#parts.options.depth } = options;
    const limit = deadlineMs === undefined ? {} : { deadlineMs };
    return mapInputs(
      inputs,
      concurrency,
      options,
      (input, signal) => this.invoke(name, input, { signal, ...limit }),
    );
  }

  /**
   * Takes a slot for calls that copy and allocate nothing.
   *
   * @throws {UnknownFunction} {ArgumentTooLong} {Busy} {ExecutorLost} {LeaseOver}
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
    this.#end("closed by the client");
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #checkCall(name: string, input: Uint8Array, options: InvokeOptions): void {
    const { maxBytes } = this.#parts.options;
    options.signal?.throwIfAborted();
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
    const known = this.#crew.functions;
    if (known && !known.has(name)) throw unknownFunction(name, known.keys());
  }

  #signature(name: string): Signature {
    const { signatures } = this.#crew;
    const signature = signatures.get(name);
    if (!signature) throw unknownFunction(name, signatures.keys());
    return signature;
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

  #sessionFor(worker: number | undefined): WorkerSession {
    if (this.#overReason !== "") throw this.#overError("a function");
    const session = worker === undefined ? this.#crew.freest() : this.#crew.sessions[worker];
    if (!session) {
      // A loop of synchronous calls hears no news, but the words tell.
      const verdict = this.#parts.words.verdict(this.#generation);
      if (verdict && verdict.kind !== "executor") {
        throw this.#lossError("a function", verdict, false);
      }
      throw new ExecutorLost("Cannot call: the lease waits for a fresh executor", "not-run");
    }
    return session;
  }

  async #attach(executor: Executor, signal?: AbortSignal): Promise<void> {
    this.#attaching?.abort(
      new ExecutorLost("Cannot attach to the workers: another executor took over", "not-run"),
    );
    const attaching = this.#attaching = new AbortController();
    const { fabrics, firstSequence, options, words } = this.#parts;
    const both = signal ? AbortSignal.any([signal, attaching.signal]) : attaching.signal;
    const sessions = await attachAll(fabrics, executor, options, firstSequence, both).catch(
      async (error) => {
        if (!(error instanceof ExecutorLost)) throw error;
        const verdict = await awaitVerdict(words, executor.generation, () => both.aborted);
        throw verdict ? this.#lossError("attaching", verdict, false) : error;
      },
    );
    if (attaching.signal.aborted || this.#overReason !== "") {
      for (const session of sessions) session.close();
      throw this.#overError("a function");
    }
    clearTimeout(this.#recoveryTimer);
    this.#generation = executor.generation;
    for (const session of sessions) this.#generations.set(session, executor.generation);
    this.#crew.join(sessions);
  }

  #hear(news: LeaseNews): void {
    if (news.type === "renewed") {
      this.#expiresMs = news.expiresMs;
      this.#events.emit({ type: "renewed", expires: this.expires });
    } else if (news.type === "lost") {
      if (news.generation === this.#generation) this.#loseAll();
      this.#events.emit({ type: "lost", reason: news.reason });
    } else if (news.type === "executor") {
      this.#recover(news.executor);
    } else if (news.type === "draining") {
      this.#events.emit({ type: "draining", node: this.#node, noticeMs: news.noticeMs });
    } else if (news.type === "moved") {
      this.#move(news);
    } else if (news.type === "over") {
      this.#end(news.reason);
    } else if (news.type === "ended") {
      this.#parts.keeper.forget(this.#parts.key);
      this.#setClosed(this.#overReason);
    }
  }

  #loseAll(): void {
    const [session] = this.#crew.sessions;
    if (session) this.#crew.lose(session);
  }

  /** The executor is gone; the node starts another one, but not for ever. */
  #awaitExecutor(): void {
    if (this.#overReason !== "") return;
    this.#recoveryTimer = setTimeout(
      () => this.#end("lost: no fresh executor came in time"),
      RECOVERY_MS,
    );
  }

  async #recover(executor: Executor): Promise<void> {
    this.#loseAll();
    try {
      await this.#attach(executor);
      this.#events.emit({ type: "recovered" });
    } catch {
      // the executor has ended again, or the lease: the keeper tells what comes next
    }
  }

  /** Another node serves it: new calls go there, what is under way finishes where it is. */
  async #move({ lease, node, executor, expiresMs }: Extract<LeaseNews, { type: "moved" }>) {
    this.#id = lease;
    this.#node = node;
    this.#expiresMs = expiresMs;
    try {
      await this.#attach(executor);
      this.#events.emit({ type: "moved", node });
      await this.#crew.left;
      this.#parts.keeper.leave(this.#parts.key);
    } catch {
      // the executor there has ended again, or the lease: the keeper tells what comes next
    }
  }

  /** A call was cut: do it again if that is allowed, else tell the reason, for which the keeper is asked. */
  readonly #onTaskLost = async (task: CallTask) => {
    const verdict = task.left
      ? TAKEN_BACK
      : await awaitVerdict(this.#parts.words, this.#generation, () => task.settled);
    if (task.settled) return;
    const allowed = this.#parts.options.idempotent.has(task.name) && task.attempts < MAX_ATTEMPTS;
    if (allowed && this.#overReason === "" && (!verdict || verdict.kind === "executor")) {
      this.#crew.submit(task);
    } else task.fail(this.#lossError(task.name, verdict, true));
  };

  /** The node has more workers than cores, and all of them are busy: another worker may be luckier, or a later try. */
  readonly #onTaskBusy = (task: CallTask) => {
    setTimeout(() => {
      if (task.settled) return;
      if (this.#overReason !== "") task.fail(this.#overError(task.name));
      else this.#crew.submit(task);
    }, Math.min(BUSY_PAUSE_MS * 2 ** Math.min(task.refusals - 1, 4), MAX_BUSY_PAUSE_MS));
  };

  #lossError(name: string, verdict: Verdict, posted: boolean): RfaasError {
    if (this.#overReason !== "" && verdict?.kind !== "node") return this.#overError(name);
    return lossError({ name, node: this.node, posted }, verdict);
  }

  #overError(name: string): RfaasError {
    const verdict = this.#parts.words.verdict(this.#generation);
    if (verdict?.kind === "node") {
      return lossError({ name, node: this.node, posted: false }, verdict);
    }
    return new LeaseOver(`Cannot call ${name}: the lease is over (${this.#overReason})`);
  }

  #end(reason: string): void {
    if (this.#overReason !== "") return;
    this.#overReason = reason;
    clearTimeout(this.#recoveryTimer);
    this.#attaching?.abort(this.#overError("a function"));
    const verdict = this.#parts.words.verdict(this.#generation);
    for (const task of this.#crew.dismiss()) {
      task.fail(this.#lossError(task.name, verdict, task.attempts > 0));
    }
    this.#loseAll();
    this.#events.emit({ type: "closed", reason });
    this.#parts.keeper.end(this.#parts.key);
  }
}
