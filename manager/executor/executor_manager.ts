/** The executor manager: lends the cores of its node, from its start until it is taken back or ends. */

import type { ConnectionRequest } from "../../fabric/fabric.ts";
import { allowedCores } from "../../ffi/affinity.ts";
import { readBootId } from "../../ffi/boot_id.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { processTimeNs } from "../../ffi/process_time.ts";
import type { FunctionPermissions } from "../../runtime/permissions.ts";
import type { ManagerAddress } from "../../runtime/http/manager_http.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { decodeManagerHello, ManagerRole } from "../../runtime/protocol/manager_hello.ts";
import { getLogger } from "../log.ts";
import { Arrivals } from "./arrivals.ts";
import { Capacity } from "./capacity.ts";
import { CoreTokens, leasableWorkers } from "./core_tokens.ts";
import { Draining } from "./draining.ts";
import { bundleExecutor, type ExecutorBundle } from "./executor_bundle.ts";
import { executorCommand, type ExecutorNeeds } from "./executor_command.ts";
import { ExecutorProcess } from "./executor_process.ts";
import { type BootedExecutor, ExecutorPool, NO_POOL, type PoolOptions } from "./executor_pool.ts";
import { keepBills, keptBills } from "./kept_bills.ts";
import { CorePins } from "./limits/core_pins.ts";
import { type MemoryBoundChoice, openMemoryBounds } from "./limits/memory_bounds.ts";
import type { MemoryBounds } from "./limits/memory_limit.ts";
import { NodeBills } from "./node_bills.ts";
import { NodeClients, type NodeLimits } from "./node_clients.ts";
import { type NodeDoor, NodeDoors, type NodeFabricOptions } from "./node_doors.ts";
import { DEFAULT_CACHE_BYTES, PackageCache } from "./package_cache.ts";
import { checkPermissionRules } from "./permission_rules.ts";
import { Registration } from "./registration.ts";
import { RunningClock } from "./running_clock.ts";
import { OsSandbox, type SandboxChoice } from "./sandbox/os_sandbox.ts";
import { StateDir } from "../state_dir.ts";

/** How long the resource manager may take to answer at the start. */
const REGISTER_MS = 10_000;
const SIGKILL = 9;

export interface ExecutorManagerOptions extends NodeFabricOptions {
  /** The resource manager. */
  readonly manager: ManagerAddress;
  /** What the node is called; a restart under the same name voids what was granted before. */
  readonly name: string;
  /** Cores to lend. */
  readonly cores: number;
  /** Workers that may be leased for each core; above 1 a worker takes a core before it runs a call. @default 1 */
  readonly oversubscription?: number;
  /** Memory to lend, in bytes. */
  readonly memoryBytes: number;
  /** Where the bundled executor, packages and bills that were not told are kept; no other manager may use it. */
  readonly stateDir: string;
  /** An executor bundled before. @default bundled at the start into `stateDir` */
  readonly executor?: ExecutorBundle;
  /** The operating system's sandbox around each executor. @default "none" */
  readonly sandbox?: SandboxChoice;
  /** Whether packages may be shared libraries, which do whatever their process may; needs a sandbox. @default {false} */
  readonly native?: boolean;
  /** @default none */
  readonly limits?: NodeLimits;
  /** Whether each worker keeps to a core of its own; not where more are leased than there are. @default {false} */
  readonly pinCores?: boolean;
  /** Who keeps the limits of memory. @default "auto" */
  readonly memoryBounds?: MemoryBoundChoice;
  /** Executors that wait for leases. @default none */
  readonly pool?: PoolOptions;
  /** What functions may do if their lease asks for it; `*` as permission_rules.ts says. @default nothing */
  readonly permissions?: FunctionPermissions;
  /** Bytes of function packages that are kept on disk. @default 1 GiB */
  readonly cacheBytes?: number;
  /** How long a client may be connected and hold no lease, in milliseconds. @default 10 s */
  readonly leaselessMs?: number;
  readonly signal?: AbortSignal;
}

/** What a manager was opened with; all of it is closed by `held`. */
interface Opened {
  readonly held: AsyncDisposableStack;
  readonly libc: Libc;
  readonly client: ManagerClient;
  readonly cores: CoreTokens | undefined;
  readonly sandbox: OsSandbox | undefined;
  readonly memory: MemoryBounds;
  readonly packages: PackageCache;
  readonly doors: NodeDoors;
  readonly running: RunningClock;
}

export class ExecutorManager implements AsyncDisposable {
  readonly #log = getLogger(["rfaas", "executor-manager"]);
  readonly #held: AsyncDisposableStack;
  readonly #libc: Libc;
  readonly #doors: NodeDoors;
  readonly #bundle: ExecutorBundle;
  readonly #stateDir: string;
  readonly #sandbox: OsSandbox | undefined;
  readonly #memory: MemoryBounds;
  /** A file of what all executors share: the words of the cores. */
  readonly #shared: string | undefined;
  readonly #bills = new NodeBills();
  readonly #arrivals = new Arrivals();
  readonly #pool: ExecutorPool;
  readonly #registration: Registration;
  readonly #clients: NodeClients;
  #draining: Draining | undefined;
  /** It was asked here, so the resource manager's word does not end it. */
  #drainsForGood = false;
  #closing = false;

  private constructor(bundle: ExecutorBundle, options: ExecutorManagerOptions, opened: Opened) {
    const { held, libc, client, cores, sandbox, memory, packages, doors, running } = opened;
    const { name, memoryBytes, stateDir, pool = NO_POOL } = options;
    this.#held = held;
    this.#libc = libc;
    this.#doors = doors;
    this.#bundle = bundle;
    this.#stateDir = stateDir;
    this.#sandbox = sandbox;
    this.#memory = memory;
    this.#log.info("limits of memory are {kind}, {how}", {
      kind: memory.hard ? "hard" : "soft",
      how: memory.how,
    });
    this.#shared = cores?.path;
    const leasable = leasableWorkers(options.cores, options.oversubscription ?? 1);
    this.#pool = new ExecutorPool((needs) => this.#boot(needs), pool);
    this.#registration = new Registration(client, {
      name,
      cores: leasable,
      memoryBytes,
      addresses: doors.addresses,
      bootId: readBootId(libc),
    }, {
      leases: () =>
        [...this.#clients.leases.values()].map(({ id, workers }) => ({ lease: id, workers })),
      drain: (noticeMs) => this.#followOrder(noticeMs),
      end: (lease, reason) => void this.#clients.end(lease, reason),
      bills: this.#bills,
    });
    this.#clients = new NodeClients({
      registration: this.#registration,
      capacity: new Capacity(leasable, memoryBytes),
      bills: this.#bills,
      running,
      cores,
      sandboxed: sandbox !== undefined,
      native: options.native ?? false,
      packages,
      limits: options.limits ?? {},
      pins: options.pinCores && !cores ? new CorePins(allowedCores(libc)) : undefined,
      takeExecutor: (needs) => this.#takeExecutor(needs),
      permissions: checkPermissionRules(options.permissions),
      ...(options.leaselessMs === undefined ? {} : { leaselessMs: options.leaselessMs }),
    });
  }

  /**
   * Bundles the executor, listens, registers.
   *
   * @throws {ManagerUnreachable} {Unauthorized} when the resource manager can't be had; {FabricError} when RDMA was
   * asked for and can't be; {StateUnavailable} when another one uses the state folder; {TypeError} when native packages
   * are to be taken without a sandbox.
   */
  static async start(options: ExecutorManagerOptions): Promise<ExecutorManager> {
    const { cores, oversubscription = 1, stateDir } = options;
    const leasable = leasableWorkers(cores, oversubscription);
    if (options.native && (options.sandbox ?? "none") === "none") {
      throw new TypeError(
        "Cannot take native packages: only a sandbox bounds what they do, and it is none: set executorManager.sandbox.recipe, or --sandbox bubblewrap",
      );
    }
    // Whatever fails on the way, what was opened before is closed.
    await using opening = new AsyncDisposableStack();
    // Two would replace each other's code and kept bills; of one name, they would end each other's leases as well.
    opening.use(await StateDir.open(stateDir, "executor manager"));
    const bundle = options.executor ?? await bundleExecutor(`${stateDir}/executor`);
    const libc = opening.adopt(openLibc(), (opened) => opened.close());
    const client = opening.use(new ManagerClient(options.manager));
    const words = leasable > cores ? opening.use(new CoreTokens(libc, cores)) : undefined;
    const memory = opening.use(openMemoryBounds(libc, options.memoryBounds ?? "auto"));
    const packages = await PackageCache.open(
      `${stateDir}/packages`,
      options.cacheBytes ?? DEFAULT_CACHE_BYTES,
    );
    const sandbox = await OsSandbox.open(libc, options.sandbox ?? "none", stateDir);
    const doors = opening.use(await NodeDoors.open(options));
    const running = opening.use(new RunningClock());
    const held = new AsyncDisposableStack();
    const manager = new ExecutorManager(bundle, options, {
      held,
      libc,
      client,
      cores: words,
      sandbox,
      memory,
      packages,
      doors,
      running,
    });
    held.use(opening.move());
    try {
      manager.#bills.restore(await keptBills(stateDir));
      doors.serve((request, door) => manager.#let(request, door));
      await manager.#registration.begin(REGISTER_MS, options.signal);
    } catch (error) {
      await manager.close();
      throw error;
    }
    manager.#pool.open();
    return manager;
  }

  /** The node's id with the resource manager. */
  get node(): string {
    return this.#registration.id;
  }

  /** Where clients reach it on the fabric: in shared memory first. */
  get addresses(): string[] {
    return this.#doors.addresses;
  }

  /** Executors that have booted and wait for a lease. */
  get waitingExecutors(): number {
    return this.#pool.size;
  }

  /**
   * Takes the node back before its manager ends: admits no more, tells the clients, and waits for `noticeMs`
   * milliseconds at most until their leases have ended. May be called again, to no effect.
   */
  async drain(noticeMs: number): Promise<void> {
    this.#drainsForGood = true;
    if (!this.#draining) {
      await this.#registration.drain(noticeMs);
      this.#takeBack(noticeMs);
    }
    await this.#draining?.finished();
    await this.#clients.accounted();
  }

  /** Ends all leases and executors, and takes the node off the list. May be called twice. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#clients.refusing = "the node is closing";
    this.#draining?.stop();
    await using _ = this.#held; // whatever fails
    const emptied = this.#pool.close(); // before the doors: one that boots can't come in any more
    this.#doors.shut();
    await this.#clients.close("node-closing: its manager ends");
    await emptied;
    await this.#registration.close(true);
    await keepBills(this.#stateDir, this.#bills.unsettled());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Lets in who shows a hello: a client, or an executor that this manager has started. */
  #let(request: ConnectionRequest, door: NodeDoor): void {
    const hello = decodeManagerHello(request.privateData);
    if (typeof hello === "string") {
      request.reject(new TextEncoder().encode(hello.slice(0, 56)));
    } else if (hello.role === ManagerRole.EXECUTOR) {
      const isOwn = door.fabric === "shm" && this.#arrivals.take(hello.secret, request);
      if (!isOwn) request.reject();
    } else {
      this.#clients.welcome(request, door);
    }
  }

  /** What the resource manager wants of this node. */
  #followOrder(noticeMs: number | null): void {
    if (noticeMs !== null) this.#takeBack(noticeMs);
    else if (this.#draining && !this.#drainsForGood) this.#lendAgain(this.#draining);
  }

  #takeBack(noticeMs: number): void {
    if (this.#draining || this.#closing) return;
    const { leases } = this.#clients;
    this.#log.info("the node is taken back, {leases} leases have {noticeMs} ms to move", {
      leases: leases.size,
      noticeMs,
    });
    this.#clients.refusing = "the node is taken back";
    this.#pool.pause();
    this.#draining = new Draining(leases, noticeMs);
  }

  #lendAgain(draining: Draining): void {
    if (this.#closing) return;
    draining.stop();
    this.#draining = undefined;
    this.#clients.refusing = undefined;
    this.#pool.open();
    this.#log.info("the node is lent again");
  }

  async #takeExecutor(needs: ExecutorNeeds): Promise<BootedExecutor> {
    const taken = await this.#pool.take(needs);
    this.#log.debug("an executor came {start}; so far {cold} cold, {pooled} pooled", {
      start: taken.start,
      ...this.#pool.taken,
    });
    return taken;
  }

  async #boot(needs: ExecutorNeeds): Promise<ExecutorProcess> {
    const command = await executorCommand({
      bundle: this.#bundle,
      ...needs,
      sandbox: this.#sandbox,
      rdma: this.#doors.addresses.length > 1,
      shared: this.#shared,
    });
    const host = {
      managerAddress: this.#doors.local,
      cpuNs: (pid: number) => processTimeNs(this.#libc, pid),
      kill: (pid: number) => void this.#libc.c.kill(pid, SIGKILL),
      memory: this.#memory,
    };
    return await ExecutorProcess.boot(
      command,
      host,
      (secret, signal) => this.#arrivals.expect(secret, signal),
    );
  }
}
