/** The executor manager: lends the cores of its node, from its start until it drains or closes. */

import type { ConnectionRequest } from "../../fabric/fabric.ts";
import { allowedCores } from "../../ffi/affinity.ts";
import { readBootId } from "../../ffi/boot_id.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import type { FunctionPermissions } from "../../runtime/permissions.ts";
import type { ManagerAddress } from "../../runtime/http/manager_http.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { endReason } from "../../runtime/protocol/end_reason.ts";
import { decodeManagerHello, ManagerRole } from "../../runtime/protocol/manager_hello.ts";
import { getLogger } from "../log.ts";
import { MetricsEndpoint, type MetricsOptions } from "../metrics/metrics_endpoint.ts";
import { ExecutorBoots } from "./executors/executor_boots.ts";
import { Capacity } from "./leases/capacity.ts";
import { CoreTokens, leasableWorkers } from "./executors/core_tokens.ts";
import { bundleExecutor, type ExecutorBundle } from "./executors/executor_bundle.ts";
import { ExecutorCaches } from "./executors/executor_caches.ts";
import type { ExecutorNeeds } from "./executors/executor_command.ts";
import {
  type BootedExecutor,
  ExecutorPool,
  NO_POOL,
  type PoolOptions,
} from "./executors/executor_pool.ts";
import { keepBills, keptBills } from "./bills/kept_bills.ts";
import { CoreWatch } from "./limits/core_watch.ts";
import { CorePins } from "./limits/core_pins.ts";
import { type MemoryBoundChoice, openMemoryBounds } from "./limits/memory_bounds.ts";
import { NODE_METRICS, type NodeFigures } from "./metrics/node_metrics.ts";
import type { MemoryBounds } from "./limits/memory_limit.ts";
import { Lending } from "./leases/lending.ts";
import { NodeBills } from "./bills/node_bills.ts";
import { NodeClients } from "./leases/node_clients.ts";
import { NodeLeases, type NodeLimits } from "./leases/node_leases.ts";
import { type NodeFabricOptions, type NodeListener, NodeListeners } from "./node_listeners.ts";
import { DEFAULT_CACHE_BYTES, PackageCache } from "./leases/package_cache.ts";
import { checkPermissionRules } from "./leases/permission_rules.ts";
import { Registration } from "./registration/registration.ts";
import { RunningClock } from "./bills/running_clock.ts";
import { type NodeSandbox, openSandbox } from "./sandbox/open_sandbox.ts";
import type { SandboxChoice } from "./sandbox/os_sandbox.ts";
import { StateDir } from "../state_dir.ts";

/** How long to wait for the resource manager at the start. */
const REGISTER_MS = 10_000;

export interface ExecutorManagerOptions extends NodeFabricOptions {
  /** The resource manager. */
  readonly manager: ManagerAddress;
  /** The node's name; a restart under the same name voids grants from before. */
  readonly name: string;
  /** Cores to lend. */
  readonly cores: number;
  /** Workers that may be leased for each core; above 1 a worker takes a core before it runs a call. @default 1 */
  readonly oversubscription?: number;
  /** Memory to lend, in bytes. */
  readonly memoryBytes: number;
  /** The folder for the bundled executor, packages and unreported bills; no other manager may use it. */
  readonly stateDir: string;
  /** An executor bundled before. @default bundled at the start into `stateDir` */
  readonly executor?: ExecutorBundle;
  /** The operating system's sandbox around each executor; `auto` is the best that the host can start. @default "none" */
  readonly sandbox?: SandboxChoice | "auto";
  /** Whether packages may be shared libraries, which can do what their process can; needs a sandbox. @default {false} */
  readonly native?: boolean;
  /** @default none */
  readonly limits?: NodeLimits;
  /** Whether each worker keeps to a core of its own; not if more are leased than there are. @default {false} */
  readonly pinCores?: boolean;
  /** What enforces the limits of memory. @default "auto" */
  readonly memoryBounds?: MemoryBoundChoice;
  /** Executors that wait for leases. @default none */
  readonly pool?: PoolOptions;
  /** What functions may do if their lease requests it; permission_rules.ts describes `*`. @default nothing */
  readonly permissions?: FunctionPermissions;
  /** Bytes of function packages that are kept on disk. @default 1 GiB */
  readonly cacheBytes?: number;
  /** How long a client may be connected and hold no lease, in milliseconds. @default 10 s */
  readonly idleClientMs?: number;
  /** Where metrics are served for Prometheus. @default nowhere */
  readonly metrics?: MetricsOptions;
  /** The program, such as `slurm`, that drains the node from its start until that program lends it. @default none */
  readonly drainedBy?: string;
  readonly signal?: AbortSignal;
}

/** What a manager opens at its start; `held` closes all of it. */
interface Opened {
  readonly held: AsyncDisposableStack;
  readonly libc: Libc;
  readonly client: ManagerClient;
  readonly cores: CoreTokens | undefined;
  readonly sandbox: NodeSandbox;
  readonly memory: MemoryBounds;
  readonly coreWatch: CoreWatch;
  readonly packages: PackageCache;
  readonly caches: ExecutorCaches;
  readonly listeners: NodeListeners;
  readonly running: RunningClock;
  readonly metrics: MetricsEndpoint<NodeFigures>;
}

export class ExecutorManager implements AsyncDisposable {
  readonly #log = getLogger(["rfaas", "executor-manager"]);
  readonly #held: AsyncDisposableStack;
  readonly #listeners: NodeListeners;
  readonly #stateDir: string;
  readonly #sandbox: NodeSandbox;
  readonly #metrics: MetricsEndpoint<NodeFigures>;
  readonly #capacity: Capacity;
  readonly #bills = new NodeBills();
  readonly #boots: ExecutorBoots;
  readonly #pool: ExecutorPool;
  readonly #registration: Registration;
  readonly #leases: NodeLeases;
  readonly #clients: NodeClients;
  readonly #lending: Lending;
  #isDrained = false;
  #closing = false;

  private constructor(bundle: ExecutorBundle, options: ExecutorManagerOptions, opened: Opened) {
    const { held, libc, client, cores, sandbox, memory, packages, listeners, running, metrics } =
      opened;
    const { name, memoryBytes, stateDir, pool = NO_POOL } = options;
    this.#held = held;
    this.#listeners = listeners;
    this.#stateDir = stateDir;
    this.#sandbox = sandbox;
    this.#metrics = metrics;
    this.#log.info("limits of memory are {kind}, {how}", {
      kind: memory.hard ? "hard" : "soft",
      how: memory.how,
    });
    this.#log.info("functions run in sandbox {sandbox}", { sandbox: this.sandbox });
    const { observe } = metrics;
    this.#boots = new ExecutorBoots({ ...opened, bundle, shared: cores?.path, observe });
    const leasable = leasableWorkers(options.cores, options.oversubscription ?? 1);
    this.#pool = new ExecutorPool((needs, signal) => this.#boots.boot(needs, signal), pool);
    this.#registration = new Registration(client, {
      name,
      cores: leasable,
      memoryBytes,
      addresses: listeners.addresses,
      bootId: readBootId(libc),
      sandbox: this.sandbox,
      ...(options.drainedBy === undefined ? {} : { drainedBy: options.drainedBy }),
    }, {
      executors: () => {
        const { size: waiting, taken } = this.#pool;
        return { running: this.#boots.running, waiting, ...taken };
      },
      leases: () =>
        [...this.#leases.running.values()].map(({ id, workers }) => ({ lease: id, workers })),
      lend: (lent) => this.#lending.apply(lent),
      leave: (leases) => this.#lending.leave(leases),
      end: (lease, reason) => void this.#leases.end(lease, reason),
      bills: this.#bills,
      observe,
    });
    this.#capacity = new Capacity(leasable, memoryBytes);
    this.#leases = new NodeLeases({
      registration: this.#registration,
      capacity: this.#capacity,
      bills: this.#bills,
      running,
      cores,
      sandboxed: sandbox.sandbox !== undefined,
      native: options.native ?? false,
      packages,
      limits: options.limits ?? {},
      pins: options.pinCores && !cores ? new CorePins(allowedCores(libc)) : undefined,
      takeExecutor: (lease, needs, signal) => this.#takeExecutor(lease, needs, signal),
      permissions: checkPermissionRules(options.permissions),
      observe,
    });
    this.#lending = new Lending({
      leases: this.#leases,
      capacity: this.#capacity,
      pool: this.#pool,
      onSettled: () => this.#registration.heartbeatNow(),
    });
    this.#clients = new NodeClients(this.#leases, options.idleClientMs);
  }

  /**
   * Bundles the executor, listens, registers.
   *
   * @throws {ManagerUnreachableError} {UnauthorizedError} if the resource manager does not register it.
   * @throws {FabricError} if RDMA was requested and is unavailable.
   * @throws {StateUnavailableError} if another one uses the state folder.
   * @throws {TypeError} if native packages are allowed without a sandbox.
   */
  static async start(options: ExecutorManagerOptions): Promise<ExecutorManager> {
    const { cores, oversubscription = 1, stateDir } = options;
    const leasable = leasableWorkers(cores, oversubscription);
    // Closes what is open if a later step fails.
    await using opening = new AsyncDisposableStack();
    // Two would replace each other's code and kept bills; under one name, they would end each other's leases as well.
    opening.use(await StateDir.open(stateDir, "executor manager"));
    const bundle = options.executor ?? await bundleExecutor(`${stateDir}/executor`);
    const libc = opening.adopt(openLibc(), (opened) => opened.close());
    const client = opening.use(new ManagerClient(options.manager));
    const words = leasable > cores ? opening.use(new CoreTokens(libc, cores)) : undefined;
    const memory = opening.use(openMemoryBounds(libc, options.memoryBounds ?? "auto"));
    const coreWatch = opening.use(new CoreWatch(libc));
    const packages = await PackageCache.open(
      `${stateDir}/packages`,
      options.cacheBytes ?? DEFAULT_CACHE_BYTES,
    );
    const listeners = opening.use(await NodeListeners.open(options));
    const hasRdma = listeners.addresses.length > 1; // the first one is in shared memory
    const sandbox = await openSandbox(libc, options.sandbox ?? "none", stateDir, hasRdma);
    if (options.native && !sandbox.sandbox) {
      throw new TypeError(
        `Cannot allow native packages: only a sandbox bounds what they do, and the node has none; ${
          sandbox.missing ?? "set executorManager.sandbox.recipe, or --sandbox bubblewrap"
        }`,
      );
    }
    // Deno finds compiled code by the path of its source, which differs inside of a sandbox.
    const compiled = `${bundle.folder}/compiled${sandbox.sandbox ? "-inside" : ""}`;
    const caches = opening.use(await ExecutorCaches.open(`${stateDir}/caches`, compiled));
    const running = opening.use(new RunningClock());
    const log = getLogger(["rfaas", "executor-manager"]);
    const metrics = opening.use(await MetricsEndpoint.open(NODE_METRICS, options.metrics, log));
    const held = new AsyncDisposableStack();
    const manager = new ExecutorManager(bundle, options, {
      held,
      libc,
      client,
      cores: words,
      sandbox,
      memory,
      coreWatch,
      packages,
      caches,
      listeners,
      running,
      metrics,
    });
    held.use(opening.move());
    try {
      manager.#bills.restore(await keptBills(stateDir));
      listeners.serve((request, listener) => manager.#handleConnection(request, listener));
      await metrics.serve(() => manager.#figures());
      await manager.#registration.begin(REGISTER_MS, options.signal);
    } catch (error) {
      await manager.close();
      throw error;
    }
    if (options.drainedBy === undefined) manager.#pool.open();
    else manager.#lending.apply({ cores: 0, graceMs: 0 });
    return manager;
  }

  /** The node's id with the resource manager. */
  get node(): string {
    return this.#registration.id;
  }

  /** Its addresses on the fabric: in shared memory first. */
  get addresses(): string[] {
    return this.#listeners.addresses;
  }

  /** The name of the sandbox in which functions run, or `none`. */
  get sandbox(): string {
    return this.#sandbox.sandbox?.name ?? "none";
  }

  /** Why functions run in no sandbox, although the choice was `auto`. */
  get sandboxMissing(): string | undefined {
    return this.#sandbox.missing;
  }

  /** The address of its metrics, without the path; undefined if they are not served. */
  get metricsUrl(): string | undefined {
    return this.#metrics.url;
  }

  /** Executors that have booted and wait for a lease. */
  get waitingExecutors(): number {
    return this.#pool.size;
  }

  /**
   * Drains the node before its manager ends: admits no more leases, notifies the clients, and waits until their leases
   * have ended, `graceMs` milliseconds at most. Another call only waits.
   */
  async drain(graceMs: number): Promise<void> {
    if (!this.#isDrained) {
      this.#isDrained = true;
      await this.#registration.drain(graceMs);
    }
    await this.#lending.drainForGood(graceMs);
    await this.#leases.reported();
  }

  /** Ends all leases and executors, and takes the node off the list. May be called twice. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#leases.refusing = "the node is closing";
    this.#lending.close();
    await using _ = this.#held; // closed even if a step below fails
    const emptied = this.#pool.close(); // before the listeners close, to which an executor that boots would connect
    this.#listeners.shut();
    await this.#clients.close(endReason("node-closing", "its executor manager shuts down"));
    await emptied;
    await this.#registration.close(true);
    await keepBills(this.#stateDir, this.#bills.unsettled());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Accepts a client, or an executor that this manager has started; rejects any other connection. */
  #handleConnection(request: ConnectionRequest, listener: NodeListener): void {
    const hello = decodeManagerHello(request.privateData);
    if (typeof hello === "string") {
      request.reject(new TextEncoder().encode(hello.slice(0, 56)));
    } else if (hello.role === ManagerRole.EXECUTOR) {
      const isExpected = listener.fabric === "shm" &&
        this.#boots.pending.take(hello.secret, request);
      if (!isExpected) request.reject();
    } else {
      this.#clients.accept(request, listener);
    }
  }

  #figures(): NodeFigures {
    return {
      ...this.#leases.usage.read(),
      cores: this.#capacity.cores,
      allocatedCores: this.#capacity.usedCores,
      memoryBytes: this.#capacity.memoryBytes,
      allocatedBytes: this.#capacity.usedBytes,
      usedBytes: this.#boots.usedBytes(),
      leases: this.#leases.running.size,
      executors: this.#boots.running,
      waitingExecutors: this.#pool.size,
      draining: this.#lending.isDraining,
    };
  }

  async #takeExecutor(
    lease: string,
    needs: ExecutorNeeds,
    signal: AbortSignal,
  ): Promise<BootedExecutor> {
    const startMs = performance.now();
    const taken = await this.#pool.take(needs, signal);
    const seconds = (performance.now() - startMs) / 1000;
    this.#metrics.observe("rfaas_node_executor_take_seconds", seconds, taken.start);
    this.#log.getChild("executors").debug(
      "a worker of lease {lease} gets its executor {start}; so far {cold} cold, {pooled} pooled",
      {
        lease,
        start: taken.start,
        ...this.#pool.taken,
      },
    );
    return taken;
  }
}
