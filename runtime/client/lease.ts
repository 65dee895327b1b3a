/** A lease: workers that run one function package for one client, for a term. */

import type { LeaseStats } from "../call/call_stats.ts";
import { CallTask, type InvokeOptions } from "../call/call_task.ts";
import { CallChecks, NO_OPTIONS } from "./check_call.ts";
import { callHost, type LeaseCallHost } from "./lease_call_host.ts";
import type { LeaseBackend, LeaseHost } from "./lease_backend.ts";
import type { TracedCalls } from "./traced_calls.ts";
import type { LeaseEvent } from "./lease_events.ts";
import type { LeasePartInfo } from "./lease_part_info.ts";
import type { LeaseStartup } from "../keeper/lease_startup.ts";
import { mapInputs, type MapOptions, type MapTerms, settleInputs } from "./map.ts";
import { CLOSED, type EndReason } from "../protocol/end_reason.ts";
import { checkOptions } from "../options.ts";
import { MAP_OPTIONS, PREPARE_OPTIONS } from "./call_options.ts";
import { PreparedCall } from "../call/prepared_call.ts";
import type { PrepareOptions } from "../call/prepare_options.ts";
import { readStream, type StreamOptions, StreamTask } from "../call/stream_task.ts";
import { type Calls, typedCalls } from "../call/typed_calls.ts";
import { TimedCall } from "../call/timed_call.ts";

/**
 * A lease on workers of one node or of several. {@linkcode Client.lease} takes it, {@linkcode Lease.close} releases it.
 *
 * @typeParam M The type of the package's module: `typeof import("./functions.ts")`.
 *
 * @example
 * ```ts
 * import { connect } from "@rfaas/rfaas";
 *
 * await using client = await connect({ manager: "http://127.0.0.1:7400", token: "…" });
 * await using lease = await client.lease({ functions: "./functions.ts", workers: 4 });
 *
 * const result = await lease.invoke("echo", new TextEncoder().encode("hello"));
 * console.log(new TextDecoder().decode(result));
 * ```
 */
export class Lease<M = unknown> implements AsyncDisposable {
  /** The number of workers. Their indexes, from 0, stay the same whichever nodes serve them. */
  readonly workers: number;
  /** Resolves with the reason once the lease has ended and all of it is released. It never rejects. */
  readonly closed: Promise<EndReason>;
  /**
   * The package's functions, called with values: `lease.call.add({ a: 1, b: 2 })`. Each takes and returns what its codecs
   * define, a plain function bytes. It throws what {@linkcode Lease.invoke} does, and {@linkcode CodecError} for a value
   * that does not fit its codec. Reading a name that the package does not export throws
   * {@linkcode UnknownFunctionError}, a function with a codec of a newer version {@linkcode UnknownCodecError}.
   */
  readonly call: Calls<M>;
  readonly #checks: CallChecks;
  readonly #depth: number;
  readonly #state: LeaseBackend;
  readonly #host: LeaseCallHost;
  readonly #traces: TracedCalls | undefined;
  /** Whether any function may run twice for one call. */
  readonly #mayRepeat: boolean;

  /** @internal Use {@linkcode Client.lease}. */
  constructor(state: LeaseBackend, host: LeaseHost) {
    this.#state = state;
    this.#checks = new CallChecks(state, host);
    this.#depth = host.depth;
    this.#traces = host.traces;
    this.#mayRepeat = host.idempotent === true || host.idempotent.size > 0;
    this.workers = host.workers;
    this.closed = state.closed;
    this.call = typedCalls({
      signature: (name) => this.#checks.signature(name),
      names: () => state.pool.signatures.keys(),
      invoke: (name, input, options) => this.invoke(name, input, options),
      stream: (name, input, options) => this.stream(name, input, options),
      prepare: (name, options) => this.prepare(name, options),
    });
    this.#host = callHost(state, host);
  }

  /** The parts of the lease: which node serves which workers. */
  get parts(): LeasePartInfo[] {
    return this.#state.parts.map(({ id, node, workerIndexes }) => ({
      id,
      node,
      workerIndexes: [...workerIndexes],
    }));
  }

  /** The id of the first part. */
  get id(): string {
    return this.#state.parts[0]!.id;
  }

  /** The names of the nodes that serve the lease. */
  get nodes(): string[] {
    return [...new Set(this.#state.parts.map(({ node }) => node))];
  }

  /** The phases of the lease's start and their times. */
  get startup(): LeaseStartup {
    return this.#state.startup!;
  }

  /** When the term ends unless the lease is renewed. */
  get expires(): Date {
    return new Date(this.#state.expiresMs);
  }

  /** The names of the package's functions. */
  get functions(): string[] {
    return [...this.#state.pool.functions?.keys() ?? []];
  }

  /**
   * Calls a function. It copies the argument to the worker, and the result into memory of the caller.
   *
   * @param name The name of the function.
   * @param input The argument, up to the lease's `maxBytes` long. The caller may reuse it once `invoke()` has returned.
   * @param options The deadline, the signal, the worker and the output buffer.
   * @returns The result.
   * @throws {UnknownFunctionError} When the package exports no such function.
   * @throws {TypeError} When the argument is not a Uint8Array, the function returns many results, or `output` was
   * transferred during the call.
   * @throws {ArgumentTooLongError} When the argument is longer than the lease's `maxBytes`.
   * @throws {RangeError} When `deadlineMs` is negative or not a number, or the lease has no such worker.
   * @throws {FunctionError} When the function threw, or broke its contract.
   * @throws {ResultTooLongError} When the result is longer than `output`, or than the lease's `maxBytes`.
   * @throws {DeadlineExceededError} When no reply arrived by the deadline.
   * @throws {BusyError} When no slot would become free, or 65,536 calls wait for one already. The function did not run.
   * @throws {ExecutorLostError} When the executor was lost. Its `outcome` states whether the function may have run.
   * @throws {NodeLostError} When the node was lost. Its `outcome` states whether the function may have run.
   * @throws {LeaseOverError} When the lease has ended, or ends during the call.
   * @throws {LimitExceededError} When the call exceeded a limit of the lease, as far as that is known.
   * @throws {unknown} The signal's reason, when it fires.
   *
   * @example
   * ```ts
   * import type { Lease } from "@rfaas/rfaas";
   *
   * async function checksum(lease: Lease, bytes: Uint8Array): Promise<Uint8Array> {
   *   return await lease.invoke("checksum", bytes, { deadlineMs: 1_000 });
   * }
   * ```
   */
  invoke(
    name: string,
    input: Uint8Array,
    options: InvokeOptions = NO_OPTIONS,
  ): Promise<Uint8Array> {
    try {
      this.#checks.call(name, input, options);
    } catch (error) {
      return Promise.reject(error);
    }
    const task = new CallTask(this.#host, name, input, options);
    if (this.#mayRepeat && this.#host.isIdempotent(name)) task.keepInput();
    const traced = this.#traces === undefined ? undefined : this.#traces.begin(this.#host, task);
    this.#state.pool.submit(task);
    return traced === undefined ? task.promise : traced.during(task.promise);
  }

  /**
   * Calls a function with many results. The call begins when iteration does, and each result is requested when the loop
   * needs it, so the worker never runs ahead. Leaving the loop ends the function. The stream keeps a slot until it ends.
   *
   * @param name The name of the function.
   * @param input The argument, up to the lease's `maxBytes` long.
   * @param options The deadline and the signal, for the whole stream, and the worker.
   * @returns The results, in order. Iteration throws, after the results that arrived before.
   * @throws {UnknownFunctionError} When the package exports no such function.
   * @throws {TypeError} When the argument is not a Uint8Array, or the function returns one result.
   * @throws {ArgumentTooLongError} When the argument is longer than the lease's `maxBytes`.
   * @throws {RangeError} When `deadlineMs` is negative or not a number, or the lease has no such worker.
   * @throws {FunctionError} When the function threw, or broke its contract.
   * @throws {ResultTooLongError} When a result is longer than the lease's `maxBytes`.
   * @throws {DeadlineExceededError} When no reply arrived by the deadline.
   * @throws {BusyError} When no slot would become free, or 65,536 calls wait for one already. The function did not run.
   * @throws {ExecutorLostError} When the executor was lost. Its `outcome` states whether the function may have run.
   * @throws {NodeLostError} When the node was lost. Its `outcome` states whether the function may have run.
   * @throws {LeaseOverError} When the lease has ended, or ends during the call.
   * @throws {LimitExceededError} When the call exceeded a limit of the lease, as far as that is known.
   * @throws {unknown} The signal's reason, when it fires.
   *
   * @example
   * ```ts
   * import type { Lease } from "@rfaas/rfaas";
   *
   * async function printLines(lease: Lease, text: Uint8Array): Promise<void> {
   *   for await (const line of lease.stream("lines", text)) {
   *     console.log(new TextDecoder().decode(line));
   *   }
   * }
   * ```
   */
  stream(
    name: string,
    input: Uint8Array,
    options: StreamOptions = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    const open = () => {
      this.#checks.call(name, input, options, true);
      return new StreamTask(this.#host, name, input, options);
    };
    return this.#traces === undefined ? readStream(open) : this.#traces.stream(this.#host, open);
  }

  /**
   * Calls a function for every input, {@linkcode MapOptions.concurrency} of them at a time. The first failure gives up
   * the other calls; the error's `index` names the input, its `results` are those until then. Each call throws what {@linkcode Lease.invoke} does.
   *
   * @param name The name of the function.
   * @param inputs The arguments. They are taken one at a time, as calls end.
   * @param options The concurrency, the deadline of each call, the signal and the progress callback.
   * @returns The results, in the order of the inputs.
   * @throws {RfaasError} When a call fails, with the `index` of its input.
   * @throws {RangeError} When `concurrency` is neither an integer of 1 or more nor Infinity, or `deadlineMs` is
   * negative or not a number.
   * @throws {unknown} The signal's reason when it fires, or what the inputs' iterator throws.
   *
   * @example
   * ```ts
   * import type { Lease } from "@rfaas/rfaas";
   *
   * async function resizeAll(lease: Lease, images: Uint8Array[]): Promise<Uint8Array[]> {
   *   return await lease.map("resize", images, {
   *     onProgress: ({ done, total }) => console.log(`${done} of ${total}`),
   *   });
   * }
   * ```
   */
  map(
    name: string,
    inputs: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options: MapOptions = {},
  ): Promise<Uint8Array[]> {
    return mapInputs(inputs, ...this.#mapTerms(name, options));
  }

  /**
   * Calls a function for every input, as {@linkcode Lease.map} does, but a failure ends its own call alone.
   *
   * @param name The name of the function.
   * @param inputs The arguments. They are taken one at a time, as calls end.
   * @param options The concurrency, the deadline of each call, the signal and the progress callback.
   * @returns The outcomes in the order of the inputs, as `Promise.allSettled()` returns them.
   * @throws {RangeError} When `concurrency` is not an integer of 1 or more.
   * @throws {unknown} The signal's reason when it fires, or what the inputs' iterator throws.
   *
   * @example
   * ```ts
   * import type { Lease } from "@rfaas/rfaas";
   *
   * async function countFailures(lease: Lease, images: Uint8Array[]): Promise<number> {
   *   const outcomes = await lease.mapSettled("resize", images, { deadlineMs: 500 });
   *   return outcomes.filter(({ status }) => status === "rejected").length;
   * }
   * ```
   */
  mapSettled(
    name: string,
    inputs: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    options: MapOptions = {},
  ): Promise<PromiseSettledResult<Uint8Array>[]> {
    return settleInputs(inputs, ...this.#mapTerms(name, options));
  }

  /**
   * Prepares a call: it acquires a slot for many runs of one function, which copy and allocate nothing.
   *
   * @param name The name of the function.
   * @param options The sizes of the buffers, and the worker.
   * @returns The prepared call. Close it to release the slot.
   * @throws {UnknownFunctionError} When the package exports no such function.
   * @throws {TypeError} When the function returns many results.
   * @throws {ArgumentTooLongError} When a buffer is larger than the lease's `maxBytes`.
   * @throws {RangeError} When a size is not a whole number of bytes, or the lease has no such worker.
   * @throws {BusyError} When every slot of the worker is in use.
   * @throws {ExecutorLostError} When the executor was lost, and no other has replaced it yet.
   * @throws {NodeLostError} When the worker's node was lost.
   * @throws {LeaseOverError} When the lease has ended.
   * @throws {LimitExceededError} When the lease exceeded a limit.
   *
   * @example
   * ```ts
   * import type { Lease } from "@rfaas/rfaas";
   *
   * function ping(lease: Lease): number {
   *   using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
   *   call.input.fill(1);
   *   return call.invokeSync(); // 64
   * }
   * ```
   */
  prepare(name: string, options: PrepareOptions = {}): PreparedCall {
    checkOptions(`prepare ${name}`, options, PREPARE_OPTIONS);
    this.#checks.worker(options.worker);
    const { latency } = this.#host.stats;
    return latency === undefined
      ? new PreparedCall(this.#host, name, options)
      : new TimedCall(this.#host, name, options, latency);
  }

  /**
   * Reports what happens to the lease from this call on.
   *
   * @returns The events. It ends after the event `closed`. Of a slow reader's events the newest 256 are kept.
   *
   * @example
   * ```ts
   * import type { Lease } from "@rfaas/rfaas";
   *
   * async function log(lease: Lease): Promise<void> {
   *   for await (const event of lease.status()) console.log(event.type, event);
   * }
   * ```
   */
  status(): AsyncIterableIterator<LeaseEvent> {
    return this.#state.events.read();
  }

  /**
   * Counts what the calls of the lease came to, since it was taken. With the option `latency` of the
   * lease, it also has how long they took.
   *
   * @returns The counts. A call that was refused before it was sent, for its arguments or since the lease was over, is
   * in none of them; a prepared call that has lost its slot is, if it gets no other one.
   *
   * @example
   * ```ts
   * import type { Lease } from "@rfaas/rfaas";
   *
   * function report(lease: Lease): string {
   *   const { calls, errors, latency } = lease.stats();
   *   return `${calls} calls, ${errors.DeadlineExceededError ?? 0} too late, p99 ${latency?.p99Ms} ms`;
   * }
   * ```
   */
  stats(): LeaseStats {
    return this.#host.stats.read(this.#state.pool.sent, this.#state.moves);
  }

  /**
   * Releases the lease. Calls in flight fail with {@linkcode LeaseOverError}. May be called twice.
   *
   * @returns A promise that resolves once all of the lease is released.
   */
  async close(): Promise<void> {
    this.#state.end(CLOSED);
    await this.closed;
  }

  /** Releases the lease, as {@linkcode Lease.close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #mapTerms(name: string, options: MapOptions): MapTerms {
    checkOptions(`map ${name}`, options, MAP_OPTIONS);
    const { deadlineMs, concurrency = Infinity } = options;
    const limit = deadlineMs === undefined ? {} : { deadlineMs };
    const slots = this.workers * this.#depth; // more calls would only wait for a slot
    const call: MapTerms[2] = (input, signal) => this.invoke(name, input, { signal, ...limit });
    return [Math.min(concurrency, slots), options, call];
  }
}
