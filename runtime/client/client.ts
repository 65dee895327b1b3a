/** The connection of an app to a resource manager: {@linkcode connect}, then take leases. */

import { EndOfThread } from "../../ffi/end_of_thread.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { Fabrics } from "../../fabric/open.ts";
import { abortable } from "../../std/async.ts";
import { environmentCaCert } from "../http/ca_cert.ts";
import { FabricUnavailableError, LeaseRefusedError } from "../errors.ts";
import type { FabricChoice } from "../keeper/reach_node.ts";
import { CallTraces, openCallDurations } from "./call_traces.ts";
import { type KeeperLeaseEvent, KeeperLink, startKeeper } from "./keeper_link.ts";
import { completeStartup } from "../keeper/lease_startup.ts";
import { Lease } from "./lease.ts";
import { type CheckedLeaseOptions, checkLeaseOptions, type LeaseOptions } from "./lease_options.ts";
import { LeaseState } from "./lease_state.ts";
import { LeaseTrace } from "./lease_trace.ts";
import type { LogBatch } from "../control/log_relay.ts";
import { ManagerClient } from "../http/manager_client.ts";
import type { ManagerAddress } from "../http/manager_http.ts";
import { ATTACH_MS, REPLACE_MS } from "../policy.ts";
import { Pump } from "../call/pump.ts";
import { readPackage } from "../package/read_package.ts";
import { checkIdempotent } from "./retry_policy.ts";
import { ADDRESS, checkOptions, type OptionTable, SIGNAL, TEXT } from "../options.ts";
import { sha256Hex } from "../package/sha256.ts";
import type { StackTranslator } from "../call/thrown_error.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/** Options of {@linkcode connect}. */
export interface ConnectOptions {
  /**
   * The address of the resource manager: `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`. Of several with one
   * store, all addresses with commas between them.
   * @default {Deno.env.get("RFAAS_MANAGER")}
   */
  manager?: string | URL | undefined;
  /** The client token; white space around it does not count. @default {Deno.env.get("RFAAS_TOKEN")} */
  token?: string | undefined;
  /**
   * Certificates in PEM form to trust for `https:`, besides those of the public authorities. By default the content of
   * the file that RFAAS_CA_CERT names.
   */
  caCert?: string | undefined;
  /**
   * How nodes are reached: `shm` in shared memory, `verbs` over RDMA, `auto` in shared memory for nodes on this host and
   * over RDMA for others. @default {Deno.env.get("RFAAS_FABRIC") ?? "auto"}
   */
  fabric?: FabricChoice | undefined;
  /** Gives up connecting. */
  signal?: AbortSignal | undefined;
}

const CONNECT_OPTIONS: OptionTable<ConnectOptions> = {
  manager: ADDRESS,
  token: TEXT,
  caCert: TEXT,
  fabric: TEXT,
  signal: SIGNAL,
};

/** What only tests set. */
export interface ClientTuning {
  /** The sequence number before the first, of calls and of messages. @default {0} */
  readonly firstSequence?: number;
  /** How long attaching to a worker may take, in milliseconds. @default {10_000} */
  readonly attachMs?: number;
  /** How long to look for a replacement node for a lost part, in milliseconds. @default {10_000} */
  readonly replaceMs?: number;
}

/**
 * Connects to a resource manager, and checks the token with one request.
 *
 * @param options The address, the token, the certificates and the fabric.
 * @returns The client. Close it after its leases.
 * @throws {TypeError} When no manager or token is given, an address or a certificate is not valid, or the fabric is none
 * of `auto`, `shm` and `verbs`.
 * @throws {ManagerUnreachableError} When no valid response arrives within 5 seconds.
 * @throws {UnauthorizedError} When the token is unknown, or is a node's.
 * @throws {unknown} The signal's reason, when it fires.
 *
 * @example
 * ```ts
 * import { connect } from "@rfaas/rfaas";
 *
 * await using client = await connect({ manager: "http://127.0.0.1:7400", token: "…" });
 * await using lease = await client.lease({
 *   functions: new URL("./functions.ts", import.meta.url),
 *   workers: 2,
 * });
 * const reply = await lease.invoke("echo", new TextEncoder().encode("hello"));
 * ```
 */
export function connect(options: ConnectOptions = {}): Promise<Client> {
  return connectWith(options, {});
}

/** {@linkcode connect} with what only tests set. */
export async function connectWith(options: ConnectOptions, tuning: ClientTuning): Promise<Client> {
  checkOptions("connect", options, CONNECT_OPTIONS);
  const url = `${options.manager ?? environment("RFAAS_MANAGER") ?? ""}`;
  const token = options.token ?? environment("RFAAS_TOKEN");
  if (!url) {
    throw new TypeError("Cannot connect: give manager, or set RFAAS_MANAGER and allow reading it");
  }
  if (!token?.trim()) {
    throw new TypeError("Cannot connect: give token, or set RFAAS_TOKEN and allow reading it");
  }
  const fabric = checkFabric(options.fabric ?? (environment("RFAAS_FABRIC") || "auto"));
  const caCert = options.caCert ?? await environmentCaCert();
  const address: ManagerAddress = { url, token, ...(caCert === undefined ? {} : { caCert }) };
  const manager = new ManagerClient(address);
  try {
    await manager.leasePage({ limit: 1 }, options.signal); // needs a valid token
  } finally {
    manager.close();
  }
  return new Client(address, fabric, tuning);
}

function checkFabric(fabric: string): FabricChoice {
  if (fabric === "auto" || fabric === "shm" || fabric === "verbs") return fabric;
  throw new TypeError(
    `Cannot connect: expected fabric auto, shm or verbs, not ${JSON.stringify(fabric)}`,
  );
}

/** A variable of the environment, if this program may read it without a prompt. */
function environment(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

/** A connection to a resource manager, made by {@linkcode connect}. It takes leases. Close it after them. */
export class Client implements AsyncDisposable {
  readonly #manager: ManagerAddress;
  readonly #fabric: FabricChoice;
  readonly #tuning: ClientTuning;
  readonly #leases = new Map<Lease, LeaseState>();
  readonly #yieldCore = () => void this.#opened?.libc.c.sched_yield();
  readonly #pump: Pump;
  readonly #durations = openCallDurations();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #opened: { keeper: KeeperLink; fabrics: Fabrics; libc: Libc } | undefined;

  /** @internal Use {@linkcode connect}. */
  constructor(
    manager: ManagerAddress,
    fabric: FabricChoice,
    tuning: ClientTuning,
  ) {
    this.#manager = manager;
    this.#fabric = fabric;
    this.#tuning = tuning;
    this.#pump = new Pump(this.#yieldCore, (session) => this.#lose(session));
  }

  /**
   * Takes a lease, on as few nodes as have the capacity, and waits until its workers have loaded the function package.
   *
   * @typeParam M The type of the package's module, as `typeof import("./functions.ts")`. The compiler then checks
   * {@linkcode Lease.call}.
   * @param options The function package, and the workers, memory, term and limits.
   * @returns The lease. Close it to release it.
   * @throws {LeaseRefusedError} When the lease is not granted, a node does not admit it, or its package does not load. Its
   * `reason` states why.
   * @throws {RangeError} When an option is out of range, or a size is not readable.
   * @throws {TypeError} When the client is closed, or a permission is not valid.
   * @throws {UnknownFunctionError} When `idempotent` names a function that the package does not export.
   * @throws {FabricUnavailableError} When this process cannot use the fabric, or has no address in common with the node.
   * @throws {ManagerUnreachableError} When no valid response arrives in time.
   * @throws {UnauthorizedError} When the token was revoked, or is not a client's.
   * @throws {ExecutorLostError} When the executor ends while the lease starts.
   * @throws {NodeLostError} When a node ends while the lease starts.
   * @throws {unknown} The signal's reason, when it fires.
   *
   * @example
   * ```ts
   * import { arrayOf, defineFunction } from "@rfaas/rfaas/functions";
   * import type { Client } from "@rfaas/rfaas";
   *
   * const double = defineFunction(
   *   { input: arrayOf("f64"), output: arrayOf("f64") },
   *   (values) => values.map((value) => 2 * value),
   * );
   *
   * async function run(client: Client): Promise<Float64Array> {
   *   await using lease = await client.lease<{ double: typeof double }>({
   *     functions: new URL("./functions.ts", import.meta.url),
   *     memory: "1GiB",
   *     waitMs: 60_000,
   *   });
   *   return await lease.call.double(Float64Array.of(1, 2, 3));
   * }
   * ```
   */
  async lease<M = unknown>(options: LeaseOptions): Promise<Lease<M>> {
    if (this.#closed) throw new TypeError("Cannot take lease: the client is closed");
    const checked = checkLeaseOptions(options);
    const trace = LeaseTrace.begin(checked);
    try {
      return await this.#take<M>(options, checked, trace);
    } catch (error) {
      trace?.failed(error);
      throw error;
    }
  }

  async #take<M>(
    options: LeaseOptions,
    checked: CheckedLeaseOptions,
    trace: LeaseTrace | undefined,
  ): Promise<Lease<M>> {
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.#closing.signal])
      : this.#closing.signal;
    signal.throwIfAborted();
    const { keeper, fabrics } = this.#open();
    const beganMs = performance.now();
    const { source, translate } = await readPackage(options.functions, signal);
    const sha256 = await sha256Hex(source);
    const readyMs = performance.now();
    signal.throwIfAborted(); // a closed keeper receives no request
    const early: KeeperLeaseEvent[] = [];
    let onEvent = (event: KeeperLeaseEvent): void => void early.push(event);
    const { firstSequence = 0, attachMs = ATTACH_MS, replaceMs = REPLACE_MS } = this.#tuning;
    const { key, granted: granting } = keeper.take(
      { ...checked, replaceMs, sha256, source, traceparent: trace?.traceparent },
      (event) => event.type === "log" ? emitLines(event, options.onLog, translate) : onEvent(event),
    );
    const granted = await abortable(granting, signal).catch((error) => {
      if (signal.aborted) keeper.end(key);
      throw error;
    });
    const state = new LeaseState({
      options: checked,
      pump: this.#pump,
      key,
      parts: granted.parts,
      expiresMs: granted.expiresMs,
      keeper,
      fabrics,
      firstSequence,
      attachMs,
      translate,
      trace,
    });
    const { workerIndexes, maxBytes, depth, idempotent, traceRate } = checked;
    const lease = new Lease<M>(state, {
      workers: workerIndexes.length,
      maxBytes,
      depth,
      idempotent,
      latency: checked.latency,
      pump: this.#pump,
      yieldCore: this.#yieldCore,
      traces: trace && new CallTraces(trace, traceRate, this.#durations),
    });
    this.#leases.set(lease, state);
    lease.closed.then(() => this.#leases.delete(lease));
    onEvent = (event) => state.onEvent(event);
    for (const event of early) onEvent(event);
    try {
      await state.begin(signal);
      checkIdempotent(idempotent, state.pool.signatures);
      const tookMs = performance.now() - readyMs;
      state.startup = completeStartup(granted.startup, readyMs - beganMs, tookMs);
      trace?.began(state.startup, lease, beganMs);
    } catch (error) {
      await lease.close();
      throw error;
    }
    return lease;
  }

  /**
   * Closes all leases and ends the client. May be called twice.
   *
   * @returns A promise that resolves once all leases are released.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#closing.abort(
      new LeaseRefusedError("Cannot take lease: the client was closed", "closed"),
    );
    await Promise.all([...this.#leases.keys()].map((lease) => lease.close()));
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.keeper.close();
    opened?.fabrics.close();
    await opened?.fabrics.closed;
    opened?.libc.close();
  }

  /** Closes the client, as {@linkcode Client.close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Opens native code at the first lease: until then the app needs no permission for it. */
  #open() {
    if (this.#opened) return this.#opened;
    let libc: Libc | undefined;
    let thread: Worker | undefined;
    try {
      // First: it loads its modules while this thread binds the C library, in 6 ms.
      thread = startKeeper();
      libc = openLibc();
      const holdings = new EndOfThread(libc);
      return this.#opened = {
        libc,
        fabrics: new Fabrics({ shm: this.#tuning, holdings }),
        keeper: new KeeperLink(thread, this.#manager, this.#fabric, holdings),
      };
    } catch (error) {
      thread?.terminate();
      libc?.close();
      throw new FabricUnavailableError(
        error instanceof Deno.errors.NotCapable
          ? `Cannot use the fabric: this program has not all permissions, run it with --allow-ffi (${error.message})`
          : `Cannot use the fabric: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  #lose(session: WorkerSession): void {
    for (const state of this.#leases.values()) state.lose(session);
  }
}

/** Lines come after the number of those that were dropped before them. */
function emitLines(
  { lines, dropped }: LogBatch,
  onLog: LeaseOptions["onLog"],
  translate: StackTranslator,
): void {
  if (dropped > 0) onLog?.({ level: "warn", text: `${dropped} lines dropped` });
  for (const line of lines) onLog?.({ ...line, text: translate(line.text) });
}
