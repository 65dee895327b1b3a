/** A lease: workers that run one function package for one client, for a while. */

import { unknownFunction } from "../call/call_errors.ts";
import { CallTask, type InvokeOptions } from "../call/call_task.ts";
import { ArgumentTooLong, ExecutorLost, UnknownFunction } from "../errors.ts";
import type { LeaseNews } from "./keeper_link.ts";
import type { LeaseEvent } from "./lease_events.ts";
import { type LeaseContext, LeaseLife } from "./lease_life.ts";
import type { LeaseStartup } from "../keeper/lease_startup.ts";
import type { Signature } from "../protocol/manifest.ts";
import { mapInputs, type MapOptions } from "./map.ts";
import { BUSY_PAUSE_MS, MAX_ATTEMPTS, MAX_BUSY_PAUSE_MS } from "../policy.ts";
import { type CallHost, PreparedCall, type PrepareOptions } from "../call/prepared_call.ts";
import {
  readStream,
  type StreamHost,
  type StreamOptions,
  StreamTask,
} from "../call/stream_task.ts";
import { type Calls, typedCalls } from "../call/typed_calls.ts";
import type { WaitingCall } from "../call/waiting_call.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/** What a lease has of one node. */
export interface LeasePartInfo {
  /** The lease's id with the resource manager: 128 random bits in hex. A part that has moved has another. */
  readonly id: string;
  /** The node's name. */
  readonly node: string;
  /** The places of the workers that serve there: a call may name one. */
  readonly workers: readonly number[];
}

/** What the client does with a lease and an app must not. */
export interface LeaseControl {
  /** Attaches to all workers, and tells what took how long. */
  begin(signal: AbortSignal): Promise<void>;
  /** It serves. */
  started(startup: LeaseStartup): void;
  /** News from the keeper. */
  hear(news: LeaseNews): void;
  /** A connection was found gone. */
  lose(session: WorkerSession): void;
}

/** Made once: a call without options makes no object for them. */
const NO_OPTIONS: InvokeOptions = {};

/** Makes a lease and the client's handle to it. */
export let openLease: (
  context: LeaseContext & { readonly yieldCore: () => void },
) => { lease: Lease; control: LeaseControl };

/**
 * A lease on workers of a node, or of several. {@linkcode Client.lease} takes it, {@linkcode Lease.close} gives it back.
 *
 * @typeParam M the module of its functions, as `typeof import("./functions.ts")`.
 */
export class Lease<M = unknown> implements AsyncDisposable {
  static {
    openLease = (context) => {
      const lease = new Lease(context);
      const life = lease.#life;
      const control: LeaseControl = {
        begin: async (signal) => {
          await life.begin(signal);
          lease.#checkIdempotent();
        },
        started: (startup) => lease.#startup = startup,
        hear: (news) => life.hear(news),
        lose: (session) => life.lose(session),
      };
      return { lease, control };
    };
  }

  /** How many workers it was taken with. Their places, from 0, stay the same whichever nodes serve. */
  readonly workers: number;
  /** Settles with the reason once the lease has ended and everything is given back. */
  readonly closed: Promise<string>;
  /**
   * The package's functions, to be called with values: `lease.call.add({ a: 1, b: 2 })`. Each takes and gives what its
   * codecs say, plain functions bytes, and throws as {@linkcode Lease.invoke} does, and {@linkcode CodecError} for a
   * value that its codec can't write.
   */
  readonly call: Calls<M>;
  readonly #options: LeaseContext["options"];
  readonly #life: LeaseLife;
  readonly #host: CallHost & StreamHost;
  #startup: LeaseStartup | undefined;

  private constructor(context: LeaseContext & { readonly yieldCore: () => void }) {
    const { options, pump, yieldCore } = context;
    const life = this.#life = new LeaseLife(context);
    this.#options = options;
    this.workers = options.workers;
    this.closed = life.closed;
    this.call = typedCalls({
      signature: (name) => this.#signature(name),
      names: () => life.crew.signatures.keys(),
      invoke: (name, input, options) => this.invoke(name, input, options),
      stream: (name, input, options) => this.stream(name, input, options),
      prepare: (name, options) => this.prepare(name, options),
    });
    this.#host = {
      maxBytes: options.maxBytes,
      sessionFor: (worker) => this.#sessionFor(worker),
      onLost: (session) => life.lose(session),
      lossError: (name, posted, session) => life.lossErrorSync(name, posted, session),
      lossLearned: async (session) => void await life.lossOf("", session, () => false),
      live: (session) => life.live(session),
      kick: () => pump.kick(),
      onFree: () => life.crew.serve(),
      yieldCore,
      submit: (task) => life.crew.submit(task),
      taskLost: (task) => this.#onTaskLost(task),
      taskBusy: (task) => this.#onTaskBusy(task),
    };
  }

  /** What it has of which nodes. */
  get parts(): LeasePartInfo[] {
    return this.#life.parts.map(({ id, node, places }) => ({ id, node, workers: [...places] }));
  }

  /** The id of its first part. */
  get id(): string {
    return this.#life.parts[0]!.id;
  }

  /** The names of the nodes that serve it. */
  get nodes(): string[] {
    return [...new Set(this.#life.parts.map(({ node }) => node))];
  }

  /** Where the time of its start went. */
  get startup(): LeaseStartup {
    return this.#startup!;
  }

  /** When the term ends, unless it is renewed. */
  get expires(): Date {
    return new Date(this.#life.expiresMs);
  }

  /** The names of the package's functions. */
  get functions(): string[] {
    return [...this.#life.crew.functions?.keys() ?? []];
  }

  /**
   * Calls a function with a copy of `input` and gives its result as a copy of the caller's own.
   *
   * @throws {UnknownFunction} {ArgumentTooLong} {ResultTooLong} {FunctionError} {DeadlineExceeded} {Busy}
   * {ExecutorLost} {NodeLost} {LeaseOver}, or the signal's reason.
   */
  invoke(
    name: string,
    input: Uint8Array,
    options: InvokeOptions = NO_OPTIONS,
  ): Promise<Uint8Array> {
    try {
      this.#checkCall(name, input, options);
    } catch (error) {
      return Promise.reject(error);
    }
    const { maxBytes } = this.#options;
    const task = new CallTask(
      name,
      input,
      maxBytes,
      options,
      this.#host.onFree,
      this.#onTaskLost,
      this.#onTaskBusy,
    );
    if (this.#isIdempotent(name)) task.keepInput();
    this.#life.crew.submit(task);
    return task.promise;
  }

  /**
   * Calls a function that gives many results, and gives them as they come. The next one is asked for when the loop comes
   * round, so the worker never runs ahead; leaving the loop ends the function. The call begins with the loop.
   *
   * A stream keeps its slot until it ends. Deadline and signal are for the whole of it.
   *
   * @throws as {@linkcode Lease.invoke}, after the results that came before.
   */
  stream(
    name: string,
    input: Uint8Array,
    options: StreamOptions = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    return readStream(() => {
      this.#checkCall(name, input, options, true);
      return new StreamTask(this.#host, name, input, options);
    });
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
    const { deadlineMs, concurrency = this.workers * this.#options.depth } = options;
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
    return this.#life.events.read();
  }

  /** Gives the lease back. Calls under way fail with {@linkcode LeaseOver}. May be called twice. */
  async close(): Promise<void> {
    this.#life.end("closed by the client");
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #checkCall(name: string, input: Uint8Array, options: InvokeOptions, stream = false): void {
    const { maxBytes } = this.#options;
    options.signal?.throwIfAborted();
    if (this.#life.overReason !== "") throw this.#life.overError(name);
    if (!(input instanceof Uint8Array)) {
      throw new TypeError(`Cannot call ${name}: the argument is no Uint8Array`);
    }
    if (input.length > maxBytes) {
      throw new ArgumentTooLong(
        `Cannot call ${name}: the argument has ${input.length} bytes, the lease's maxBytes is ${maxBytes}`,
      );
    }
    this.#checkWorker(options.worker);
    if (options.worker !== undefined && this.#life.crew.session(options.worker) === null) {
      throw this.#life.noWorkerError(name, options.worker);
    }
    const { deadlineMs } = options;
    if (deadlineMs !== undefined && !(deadlineMs >= 0)) {
      throw new RangeError(`Cannot call ${name}: deadlineMs must be 0 or more, not ${deadlineMs}`);
    }
    if (this.#signature(name).stream !== stream) {
      throw new TypeError(
        stream
          ? `Cannot stream ${name}: it gives one result, use invoke`
          : `Cannot call ${name}: it gives many results, use stream`,
      );
    }
  }

  #signature(name: string): Signature {
    const { signatures } = this.#life.crew;
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

  #isIdempotent(name: string): boolean {
    const { idempotent } = this.#options;
    return idempotent === true || idempotent.has(name);
  }

  /** A name with a slip of the pen would be missed only when an executor is lost. */
  #checkIdempotent(): void {
    const { idempotent } = this.#options;
    if (idempotent === true) return;
    const { signatures } = this.#life.crew;
    const unknown = [...idempotent].find((name) => !signatures.has(name));
    if (unknown === undefined) return;
    throw new UnknownFunction(
      `Cannot take lease: idempotent names ${unknown}, the package exports only ${
        [...signatures.keys()].join(", ")
      }`,
    );
  }

  #sessionFor(worker: number | undefined): WorkerSession {
    const { crew, overReason } = this.#life;
    const session = worker === undefined ? crew.freest() : crew.session(worker);
    if (session && overReason === "") return session;
    throw this.#life.noWorkerError("a function", worker) ??
      new ExecutorLost("Cannot call: the lease waits for a fresh executor", "not-run");
  }

  /** A call was cut: do it again if that is allowed, else tell the reason, for which the keeper is asked. */
  readonly #onTaskLost = async (task: WaitingCall) => {
    const { error, again } = await this.#life.lossOf(
      task.name,
      task.session!,
      () => task.settled,
    );
    if (task.settled) return;
    const allowed = task.repeatable && this.#isIdempotent(task.name);
    if (again && allowed && task.attempts < MAX_ATTEMPTS) {
      this.#submitAgain(task);
    } else task.fail(error);
  };

  /**
   * The node has more workers than cores, and all of them are busy: a worker of another node may have one, or a later
   * try.
   */
  readonly #onTaskBusy = (task: WaitingCall) => {
    const life = this.#life;
    const busy = task.busyNodes ??= new Set();
    busy.add(life.nodeOf(task.session!));
    const hasCore = (session: WorkerSession) => !busy.has(life.nodeOf(session));
    if (task.worker === undefined && life.crew.submitTo(task, hasCore)) return;
    setTimeout(() => {
      if (task.settled) return;
      busy.clear();
      this.#submitAgain(task);
    }, Math.min(BUSY_PAUSE_MS * 2 ** Math.min(task.refusals - 1, 4), MAX_BUSY_PAUSE_MS));
  };

  #submitAgain(task: WaitingCall): void {
    const { crew, overReason } = this.#life;
    const gone = task.worker !== undefined && crew.session(task.worker) === null;
    if (overReason === "" && !gone) crew.submit(task);
    else task.fail(this.#life.noWorkerError(task.name, task.worker));
  }
}
