/** The way in: {@linkcode connect} to a resource manager, take leases. */

import { type Libc, openLibc } from "../../ffi/libc.ts";
import { Fabrics } from "../../fabric/open.ts";
import { environmentCaCert } from "../http/ca_cert.ts";
import { FabricUnavailable, LeaseRefused } from "../errors.ts";
import type { FabricChoice } from "../keeper/reach_node.ts";
import { KeeperLink, type LeaseNews } from "./keeper_link.ts";
import { completeStartup } from "../keeper/lease_startup.ts";
import { type Lease, type LeaseControl, openLease } from "./lease.ts";
import { checkLeaseOptions, type LeaseOptions } from "./lease_options.ts";
import type { LogBatch } from "../control/log_relay.ts";
import { ManagerClient } from "../http/manager_client.ts";
import type { ManagerAddress } from "../http/manager_http.ts";
import { ATTACH_MS, REPLACE_MS } from "../policy.ts";
import { Pump } from "../call/pump.ts";
import { readPackage } from "../package/read_package.ts";
import { sha256Hex } from "../package/sha256.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/** Options of {@linkcode connect}. */
export interface ConnectOptions {
  /** The resource manager: `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`. @default RFAAS_MANAGER */
  manager?: string;
  /** The client token. @default RFAAS_TOKEN */
  token?: string;
  /** Certificates in PEM form that an `https:` manager may be known by. @default the file that RFAAS_CA_CERT names */
  caCert?: string;
  /**
   * How nodes are reached: `shm` in shared memory, `verbs` over RDMA, `auto` in shared memory where the node is this
   * host and over RDMA where it is not. @default RFAAS_FABRIC, else {"auto"}
   */
  fabric?: FabricChoice;
  /** Gives up connecting. */
  signal?: AbortSignal;
}

/** What only tests set. */
export interface ClientTuning {
  /** The sequence number before the first, of calls and of messages. */
  readonly firstSequence?: number;
  /** How long attaching to a worker may take, in milliseconds. @default 10 s */
  readonly attachMs?: number;
  /** How long a part that is lost is looked a place for, in milliseconds. @default 10 s */
  readonly replaceMs?: number;
}

/**
 * Connects to a resource manager.
 *
 * @example
 * ```ts ignore
 * import { connect } from "./mod.ts";
 * await using client = await connect({ manager: "http://127.0.0.1:7400", token: "…" });
 * await using lease = await client.lease({ functions: new URL("./functions.ts", import.meta.url) });
 * const reply = await lease.invoke("echo", new TextEncoder().encode("hello"));
 * ```
 *
 * @throws {ManagerUnreachable} {Unauthorized}, or {TypeError} when no manager or token is given, or no such fabric.
 */
export async function connect(
  options: ConnectOptions = {},
  tuning: ClientTuning = {},
): Promise<Client> {
  const url = options.manager ?? environment("RFAAS_MANAGER");
  const token = options.token ?? environment("RFAAS_TOKEN");
  if (!url) {
    throw new TypeError("Cannot connect: give manager, or set RFAAS_MANAGER and allow reading it");
  }
  if (!token) {
    throw new TypeError("Cannot connect: give token, or set RFAAS_TOKEN and allow reading it");
  }
  const fabric = checkFabric(options.fabric ?? (environment("RFAAS_FABRIC") || "auto"));
  const caCert = options.caCert ?? await environmentCaCert();
  const address: ManagerAddress = { url, token, ...(caCert === undefined ? {} : { caCert }) };
  const manager = new ManagerClient(address);
  try {
    await manager.leases(options.signal); // shows that it is there, and that it takes the token
  } finally {
    manager.close();
  }
  return new Client(address, fabric, tuning);
}

function checkFabric(fabric: string): FabricChoice {
  if (fabric === "auto" || fabric === "shm" || fabric === "verbs") return fabric;
  throw new TypeError(
    `Cannot connect: fabric must be auto, shm or verbs, not ${JSON.stringify(fabric)}`,
  );
}

/** A variable of the environment, if it may be read without asking. */
function environment(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

/** A connection to a resource manager. Close it after its leases. */
export class Client implements AsyncDisposable {
  readonly #manager: ManagerAddress;
  readonly #fabric: FabricChoice;
  readonly #tuning: ClientTuning;
  readonly #leases = new Map<Lease, LeaseControl>();
  readonly #yieldCore = () => void this.#opened?.libc.c.sched_yield();
  readonly #pump: Pump;
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
   * Takes a lease, on as few nodes as have room for it, and waits until its workers have loaded the package.
   *
   * @typeParam M the module of its functions, as `typeof import("./functions.ts")`: then {@linkcode Lease.call} is
   * checked by the compiler.
   * @throws {LeaseRefused} {FabricUnavailable} {ManagerUnreachable} {Unauthorized} {RangeError}, {UnknownFunction} for a
   * name in `idempotent`, or the signal's reason.
   */
  async lease<M = unknown>(options: LeaseOptions): Promise<Lease<M>> {
    if (this.#closed) throw new TypeError("Cannot take lease: the client is closed");
    const checked = checkLeaseOptions(options);
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.#closing.signal])
      : this.#closing.signal;
    signal.throwIfAborted();
    const { keeper, fabrics } = this.#open();
    const askedMs = performance.now();
    const source = await readPackage(options.functions, signal);
    const sha256 = await sha256Hex(source);
    const readyMs = performance.now();
    signal.throwIfAborted(); // nothing is asked for that nobody waits for, and a closed keeper is not asked at all
    const early: LeaseNews[] = [];
    let hear = (news: LeaseNews): void => void early.push(news);
    const { firstSequence = 0, attachMs = ATTACH_MS, replaceMs = REPLACE_MS } = this.#tuning;
    const { key, granted: granting } = keeper.take(
      { ...checked, replaceMs, sha256, source },
      (news) => news.type === "log" ? tellLines(news, options.onLog) : hear(news),
    );
    const granted = await raceAbort(granting, signal, () => keeper.end(key));
    const { lease, control } = openLease({
      key,
      parts: granted.parts,
      expiresMs: granted.expiresMs,
      options: checked,
      keeper,
      fabrics,
      pump: this.#pump,
      firstSequence,
      attachMs,
      yieldCore: this.#yieldCore,
    });
    this.#leases.set(lease, control);
    lease.closed.then(() => this.#leases.delete(lease));
    hear = control.hear;
    for (const news of early) hear(news);
    try {
      await control.begin(signal);
      const tookMs = performance.now() - readyMs;
      control.started(completeStartup(granted.startup, readyMs - askedMs, tookMs));
    } catch (error) {
      await lease.close();
      throw error;
    }
    return lease as Lease<M>;
  }

  /** Closes all leases and ends the client. May be called twice. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#closing.abort(new LeaseRefused("Cannot take lease: the client was closed", "closed"));
    await Promise.all([...this.#leases.keys()].map((lease) => lease.close()));
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.keeper.close();
    opened?.fabrics.close();
    await opened?.fabrics.closed;
    opened?.libc.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Opens what native code is needed for at the first lease: until then no right to it is asked for. */
  #open() {
    if (this.#opened) return this.#opened;
    let libc: Libc | undefined;
    try {
      libc = openLibc();
      return this.#opened = {
        libc,
        fabrics: new Fabrics({ shm: this.#tuning }),
        keeper: new KeeperLink(this.#manager, this.#fabric),
      };
    } catch (error) {
      libc?.close();
      throw new FabricUnavailable(
        error instanceof Deno.errors.NotCapable
          ? `Cannot use the fabric: this program may not do all that it needs, run it with --allow-ffi (${error.message})`
          : `Cannot use the fabric: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  #lose(session: WorkerSession): void {
    for (const control of this.#leases.values()) control.lose(session);
  }
}

/** Lines come after what was dropped before them. */
function tellLines({ lines, dropped }: LogBatch, onLog: LeaseOptions["onLog"]): void {
  if (dropped > 0) onLog?.({ text: `${dropped} lines dropped` });
  for (const line of lines) onLog?.(line);
}

async function raceAbort<T>(
  work: Promise<T>,
  signal: AbortSignal,
  onAbort: () => void,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => {
    onAbort();
    reject(signal.reason);
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    const result = await Promise.race([work, promise]);
    signal.throwIfAborted();
    return result;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
