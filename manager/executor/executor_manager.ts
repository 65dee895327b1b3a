/** The executor manager: admits leases on its node and runs their executors. */

import type { Connection, ConnectionRequest } from "../../fabric/fabric.ts";
import { readBootId } from "../../ffi/boot_id.ts";
import { openLibc } from "../../ffi/libc.ts";
import { processTimeNs } from "../../ffi/process_time.ts";
import { ControlChannel, ControlError, controlOptions } from "../../runtime/control_channel.ts";
import type { ManagerAddress } from "../../runtime/manager_http.ts";
import { ManagerClient } from "../../runtime/manager_client.ts";
import { decodeManagerHello, ManagerRole } from "../../runtime/manager_hello.ts";
import { Admit, type Executor, Renew } from "../../runtime/node_protocol.ts";
import { sha256Hex } from "../../runtime/sha256.ts";
import * as v from "../../runtime/valibot.ts";
import { getLogger } from "../log.ts";
import { Admission } from "./admission.ts";
import { Arrivals } from "./arrivals.ts";
import { Capacity } from "./capacity.ts";
import { Draining } from "./draining.ts";
import { CoreTokens, leasableWorkers } from "./core_tokens.ts";
import { bundleExecutor, type ExecutorBundle } from "./executor_bundle.ts";
import { ExecutorProcess } from "./executor_process.ts";
import { type BootedExecutor, ExecutorPool, NO_POOL, type PoolOptions } from "./executor_pool.ts";
import { keepBills, keptBills } from "./kept_bills.ts";
import { LeaseMeter } from "./lease_meter.ts";
import { NodeBills } from "./node_bills.ts";
import { type NodeDoor, NodeDoors, type NodeFabricOptions } from "./node_doors.ts";
import { NodeLease } from "./node_lease.ts";
import { PackageCache } from "./package_cache.ts";
import { Registration } from "./registration.ts";

/** Clients that may be connected and hold no lease yet. */
const MAX_WAITING_CLIENTS = 256;
/** How long the resource manager may take to answer at the start. */
const REGISTER_MS = 10_000;

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
  /** Where the bundled executor is kept. */
  readonly stateDir: string;
  /** An executor bundled before. @default bundled at the start into `stateDir` */
  readonly executor?: ExecutorBundle;
  /** Executors that wait for leases. @default none */
  readonly pool?: PoolOptions;
  readonly signal?: AbortSignal;
}

export class ExecutorManager implements AsyncDisposable {
  readonly #log = getLogger(["rfaas", "executor-manager"]);
  readonly #client: ManagerClient;
  readonly #bundle: ExecutorBundle;
  readonly #doors: NodeDoors;
  readonly #pool: ExecutorPool;
  readonly #packages = new PackageCache();
  readonly #leases = new Map<string, NodeLease>();
  readonly #channels = new Set<ControlChannel>();
  readonly #arrivals = new Arrivals();
  #registration!: Registration;
  #admission!: Admission;
  /** Leases whose end the resource manager has not heard of yet. */
  readonly #accounting = new Set<Promise<void>>();
  readonly #bills = new NodeBills();
  #stateDir = "";
  readonly #libc = openLibc();
  #cores: CoreTokens | undefined;
  #closing = false;
  #draining: Draining | undefined;
  /** It was asked here, so the resource manager's word does not end it. */
  #drainsForGood = false;

  private constructor(
    bundle: ExecutorBundle,
    client: ManagerClient,
    doors: NodeDoors,
    pool: PoolOptions,
  ) {
    this.#bundle = bundle;
    this.#client = client;
    this.#doors = doors;
    this.#pool = new ExecutorPool((memoryBytes) => this.#boot(memoryBytes), pool);
  }

  /**
   * Bundles the executor, listens, registers.
   *
   * @throws {ManagerUnreachable} {Unauthorized} when the resource manager can't be had; {FabricError} when RDMA was
   * asked for and can't be.
   */
  static async start(options: ExecutorManagerOptions): Promise<ExecutorManager> {
    const bundle = options.executor ?? await bundleExecutor(`${options.stateDir}/executor`);
    const leasable = leasableWorkers(options.cores, options.oversubscription ?? 1);
    const client = new ManagerClient(options.manager);
    let doors: NodeDoors | undefined;
    try {
      doors = await NodeDoors.open(options);
      const manager = new ExecutorManager(bundle, client, doors, options.pool ?? NO_POOL);
      manager.#registration = new Registration(client, {
        name: options.name,
        cores: leasable,
        memoryBytes: options.memoryBytes,
        addresses: doors.addresses,
        bootId: readBootId(manager.#libc),
      }, {
        leases: () =>
          [...manager.#leases.values()].map(({ id, workers }) => ({ lease: id, workers })),
        drain: (noticeMs) => manager.#followOrder(noticeMs),
        end: (lease, reason) => manager.#endLeases(lease, reason),
        bills: manager.#bills,
      });
      const capacity = new Capacity(leasable, options.memoryBytes);
      manager.#stateDir = options.stateDir;
      manager.#bills.restore(await keptBills(options.stateDir));
      if (leasable > options.cores) manager.#cores = new CoreTokens(manager.#libc, options.cores);
      manager.#admission = new Admission(manager.#registration, capacity);
      doors.serve((request, door) => manager.#let(request, door));
      try {
        await manager.#registration.begin(REGISTER_MS, options.signal);
      } catch (error) {
        await manager.close();
        throw error;
      }
      manager.#pool.open();
      return manager;
    } catch (error) {
      client.close();
      await doors?.close();
      throw error;
    }
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
    await Promise.all(this.#accounting);
  }

  #takeBack(noticeMs: number): void {
    if (this.#draining) return;
    this.#log.info("the node is taken back, {leases} leases have {noticeMs} ms to move", {
      leases: this.#leases.size,
      noticeMs,
    });
    this.#pool.pause();
    this.#draining = new Draining(this.#leases, noticeMs);
  }

  /** What the resource manager wants of this node. */
  #followOrder(noticeMs: number | null): void {
    if (noticeMs !== null) this.#takeBack(noticeMs);
    else if (this.#draining && !this.#drainsForGood) {
      this.#draining.stop();
      this.#draining = undefined;
      this.#pool.open();
      this.#log.info("the node is lent again");
    }
  }

  /** Ends all leases and executors, and takes the node off the list. May be called twice. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#draining?.stop();
    const emptied = this.#pool.close(); // before the doors: one that boots can't come in any more
    this.#doors.shut();
    await Promise.all(
      [...this.#leases.values()].map((lease) => lease.end("node-closing: its manager ends")),
    );
    await emptied;
    for (const channel of this.#channels) channel.close();
    await Promise.all(this.#accounting);
    await this.#registration.close(true);
    await keepBills(this.#stateDir, this.#bills.unsettled());
    this.#client.close();
    await this.#doors.close();
    this.#cores?.close();
    this.#libc.close();
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
    } else if (this.#channels.size - this.#leases.size >= MAX_WAITING_CLIENTS) {
      request.reject(new TextEncoder().encode("too many clients wait"));
    } else {
      this.#welcome(request, door);
    }
  }

  async #welcome(request: ConnectionRequest, door: NodeDoor): Promise<void> {
    let connection: Connection;
    try {
      connection = await request.accept(controlOptions(0));
    } catch (error) {
      // Most often it has gone again; but memory that can't be registered shows here as well.
      this.#log.warn("a client could not be let in: {error}", { error: (error as Error).message });
      return;
    }
    let lease: Promise<NodeLease> | undefined;
    const channel: ControlChannel = new ControlChannel(connection, {
      request: async (type, body) => {
        if (type === "admit") {
          if (lease) {
            throw new ControlError("Cannot admit: this channel has a lease", "bad-request");
          }
          const admission = this.#admit(channel, door, body);
          lease = admission.then(([admitted]) => admitted);
          lease.catch(() => lease = undefined);
          return (await admission)[1];
        }
        if (!lease) {
          throw new ControlError(`Cannot ${type}: this channel has no lease`, "bad-request");
        }
        if (type === "renew") return await this.#renew(await lease, body);
        if (type === "end") return await (await lease).end("ended by the client");
        throw new ControlError(`Cannot ${type}: a manager does not know how`, "bad-request");
      },
    });
    this.#channels.add(channel);
    await channel.closed;
    this.#channels.delete(channel);
  }

  async #admit(
    channel: ControlChannel,
    door: NodeDoor,
    body: unknown,
  ): Promise<[NodeLease, Executor]> {
    const parsed = v.safeParse(Admit, body);
    if (!parsed.success) {
      throw new ControlError(`Cannot admit: ${parsed.issues[0].message}`, "bad-request");
    }
    const admit = parsed.output;
    this.#refuseWhileDraining();
    const { grant, release } = await this.#admission.admit(admit.grant, admit.workers);
    const meter = new LeaseMeter({
      lease: grant.lease,
      epoch: grant.epoch,
      workers: admit.workers,
      memoryBytes: grant.memoryBytes,
      sinceMs: Math.round(this.#registration.clock.nowMs()),
    });
    try {
      const { depth, maxBytes, hotMs, workers } = admit;
      const lease = new NodeLease({
        id: grant.lease,
        workers,
        client: channel,
        start: { workers, depth, maxBytes, hotMs, listen: door.workersListen },
        sha256: admit.package.sha256,
        source: await this.#getPackage(channel, admit),
        boot: () => this.#takeExecutor(grant.memoryBytes),
        nowMs: () => this.#registration.clock.nowMs(),
        expiresMs: grant.expiresMs,
        cores: this.#cores,
      });
      this.#refuseWhileDraining(); // it may have begun while the package came
      this.#leases.set(lease.id, lease);
      meter.follow(lease);
      this.#bills.open(meter);
      // Told before the executor starts: what is not heard to be claimed in time is offered to others.
      const told = this.#registration.report(lease.id, "claimed", workers);
      const accounted = lease.ended.then(async (reason) => {
        release();
        meter.end();
        this.#leases.delete(lease.id);
        this.#log.info("lease {lease} has ended: {reason}", { lease: lease.id, reason });
        await told;
        await this.#registration.report(lease.id, "ended", workers, reason);
        this.#accounting.delete(accounted);
      });
      this.#accounting.add(accounted);
      const executor = await lease.begin();
      this.#log.info("lease {lease} is served by {workers} workers, start {start}", {
        lease: lease.id,
        workers,
        start: executor.start,
      });
      return [lease, executor];
    } catch (error) {
      release();
      throw error;
    }
  }

  /** @throws {ControlError} code `draining`. */
  #refuseWhileDraining(): void {
    if (this.#closing) throw new ControlError("Cannot admit: the node is closing", "draining");
    if (this.#draining) throw new ControlError("Cannot admit: the node is taken back", "draining");
  }

  async #renew(lease: NodeLease, body: unknown): Promise<{ expiresMs: number }> {
    const parsed = v.safeParse(Renew, body);
    if (!parsed.success) {
      throw new ControlError(`Cannot renew: ${parsed.issues[0].message}`, "bad-request");
    }
    const grant = await this.#admission.check(parsed.output.grant);
    if (grant.lease !== lease.id) {
      throw new ControlError("Cannot renew: the grant is for another lease", "bad-grant");
    }
    lease.renew(grant.expiresMs);
    this.#admission.prolong(lease.id, lease.expiresMs);
    return { expiresMs: lease.expiresMs };
  }

  async #getPackage(channel: ControlChannel, admit: Admit): Promise<Uint8Array<ArrayBuffer>> {
    const { sha256 } = admit.package;
    const cached = this.#packages.get(sha256);
    if (cached) return cached;
    const source = await channel.fetch(admit.package);
    if (await sha256Hex(source) !== sha256) {
      throw new ControlError(
        "Cannot admit: the package is not what its SHA-256 says",
        "bad-package",
      );
    }
    this.#packages.put(sha256, source);
    return source;
  }

  async #takeExecutor(memoryBytes: number): Promise<BootedExecutor> {
    const taken = await this.#pool.take(memoryBytes);
    this.#log.debug("an executor came {start}; so far {cold} cold, {pooled} pooled", {
      start: taken.start,
      ...this.#pool.taken,
    });
    return taken;
  }

  #boot(memoryBytes: number): Promise<ExecutorProcess> {
    return ExecutorProcess.boot(
      this.#bundle,
      this.#doors.local,
      memoryBytes,
      (pid) => processTimeNs(this.#libc, pid),
      (secret, signal) => this.#arrivals.expect(secret, signal),
    );
  }

  #endLeases(id: string | undefined, reason: string): void {
    for (const lease of this.#leases.values()) {
      if (id === undefined || lease.id === id) lease.end(reason);
    }
  }
}
