/** The clients of a node: each has a channel, on which a lease is admitted, renewed and ended. */

import type { Connection, ConnectionRequest } from "../../fabric/fabric.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../runtime/control/control_channel.ts";
import { Admit, type Executor, Renew } from "../../runtime/protocol/node_protocol.ts";
import { packageKind } from "../../runtime/package/package_kind.ts";
import { type AllPermissions, NO_PERMISSIONS } from "../../runtime/permissions.ts";
import * as v from "../../runtime/valibot.ts";
import { getLogger } from "../log.ts";
import { Admission } from "./admission.ts";
import type { Capacity } from "./capacity.ts";
import type { CoreTokens } from "./core_tokens.ts";
import type { ExecutorNeeds } from "./executor_command.ts";
import { firstNotAllowed } from "./permission_rules.ts";
import type { BootedExecutor } from "./executor_pool.ts";
import { LeaselessClients, type LeaselessPlace } from "./leaseless_clients.ts";
import { LeaseMeter } from "./lease_meter.ts";
import type { CorePins } from "./limits/core_pins.ts";
import type { NodeBills } from "./node_bills.ts";
import type { NodeDoor } from "./node_doors.ts";
import { NodeLease } from "./node_lease.ts";
import type { PackageCache } from "./package_cache.ts";
import type { RunningClock } from "./running_clock.ts";
import type { Registration } from "./registration.ts";

/** Limits that a node's owner sets for all leases. */
export interface NodeLimits {
  /** The longest that a call may take, in milliseconds, 1 to an hour. @default {Infinity} */
  readonly callMs?: number;
  /** The processor time of a lease, in seconds. @default {Infinity} */
  readonly cpuSeconds?: number;
}

export interface NodeClientsOptions {
  readonly registration: Registration;
  readonly capacity: Capacity;
  readonly bills: NodeBills;
  /** What leases are billed by. */
  readonly running: RunningClock;
  /** Where the node leases more workers than it has cores. */
  readonly cores: CoreTokens | undefined;
  /** Whether executors run in a sandbox of the operating system. */
  readonly sandboxed: boolean;
  /** Whether packages may be shared libraries. */
  readonly native: boolean;
  readonly packages: PackageCache;
  /** Gives a process that waits for a lease of so much memory. */
  readonly takeExecutor: (needs: ExecutorNeeds) => Promise<BootedExecutor>;
  readonly limits: NodeLimits;
  /** Cores that leases keep to, if they do. */
  readonly pins: CorePins | undefined;
  /** What functions may be allowed. */
  readonly permissions: AllPermissions;
  /** How long a client may be connected and hold no lease, in milliseconds. @default 10 s */
  readonly leaselessMs?: number;
}

export class NodeClients {
  /** Why no lease is admitted at present. */
  refusing: string | undefined;
  readonly #log = getLogger(["rfaas", "executor-manager"]);
  readonly #o: NodeClientsOptions;
  readonly #admission: Admission;
  readonly #channels = new Set<ControlChannel>();
  readonly #leaseless: LeaselessClients;
  #closed = false;
  readonly #leases = new Map<string, NodeLease>();
  /** Leases whose end the resource manager has not heard of yet. */
  readonly #accounting = new Set<Promise<void>>();

  constructor(options: NodeClientsOptions) {
    this.#o = options;
    this.#admission = new Admission(options.registration, options.capacity);
    this.#leaseless = new LeaselessClients(options.leaselessMs);
  }

  /** The leases that run here. */
  get leases(): ReadonlyMap<string, NodeLease> {
    return this.#leases;
  }

  /** Gives a client its channel, on which it may ask for a lease. Settles when the channel has ended. */
  async welcome(request: ConnectionRequest, door: NodeDoor): Promise<void> {
    const place = this.#leaseless.enter();
    if (!place) return request.reject(new TextEncoder().encode("too many clients wait"));
    try {
      const connection = await request.accept(controlOptions(0));
      if (this.#closed) return connection.close();
      await this.#serve(connection, door, place);
    } catch (error) {
      // Most often it has gone again; but memory that can't be registered shows here as well.
      this.#log.warn("a client could not be let in: {error}", { error: (error as Error).message });
    } finally {
      place.leave();
    }
  }

  async #serve(connection: Connection, door: NodeDoor, place: LeaselessPlace): Promise<void> {
    let lease: Promise<NodeLease> | undefined;
    let over = false;
    const overdue = () => {
      this.#log.warn("a client at {address} is sent away: it has held no lease for {maxMs} ms", {
        address: door.listener.address,
        maxMs: this.#leaseless.maxMs,
      });
      channel.close("no lease was held for too long");
    };
    const bound = () => place.bound(() => lease !== undefined && !over, overdue);
    const channel: ControlChannel = new ControlChannel(connection, {
      request: async (type, body) => {
        if (type === "admit") {
          if (lease) {
            throw new ControlError("Cannot admit: this channel has a lease", "bad-request");
          }
          const admission = this.#admit(channel, door, body);
          lease = admission.then(([admitted]) => admitted);
          lease.then(async ({ ended }) => {
            place.leave();
            await ended;
            over = true;
            if (!this.#channels.has(channel)) return;
            place.take();
            bound(); // it should leave by itself: it has been told
          }, () => lease = undefined);
          return (await admission)[1];
        }
        if (!lease) {
          throw new ControlError(`Cannot ${type}: this channel has no lease`, "bad-request");
        }
        if (type === "renew") return this.#renew(await lease, body);
        if (type === "end") return await (await lease).end("ended by the client");
        throw new ControlError(`Cannot ${type}: a manager does not know how`, "bad-request");
      },
    });
    this.#channels.add(channel);
    bound();
    await channel.closed;
    this.#channels.delete(channel);
  }

  /** Ends one lease, or all of them: `undefined`. Settles when their executors are gone. */
  async end(id: string | undefined, reason: string): Promise<void> {
    const meant = [...this.#leases.values()].filter((lease) => id === undefined || lease.id === id);
    await Promise.all(meant.map((lease) => lease.end(reason)));
  }

  /** Settles when the resource manager has heard of every end, or could not be told. */
  async accounted(): Promise<void> {
    await Promise.all(this.#accounting);
  }

  /** Ends all leases and closes all channels. */
  async close(reason: string): Promise<void> {
    this.#closed = true;
    await this.end(undefined, reason);
    for (const channel of this.#channels) channel.close();
    await this.accounted();
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
    if (admit.places !== undefined && admit.places.length !== admit.workers) {
      const message =
        `Cannot admit ${admit.workers} workers: ${admit.places.length} places are told`;
      throw new ControlError(message, "bad-request");
    }
    this.#refuseIfClosed();
    const { grant, memoryBytes, functionBytes, release } = this.#admission.admit(
      admit.grant,
      admit,
    );
    const meter = new LeaseMeter({
      lease: grant.lease,
      node: grant.node,
      epoch: grant.epoch,
      workers: admit.workers,
      memoryBytes,
      sinceMs: Math.round(this.#o.registration.clock.nowMs()),
    }, () => this.#o.running.nowMs());
    const pins = this.#o.pins?.take(admit.workers);
    try {
      const { depth, maxBytes, hotMs, workers, logs, wasi } = admit;
      const places = admit.places ?? Array.from({ length: workers }, (_, worker) => worker);
      const { sandboxed, limits: { callMs, cpuSeconds } } = this.#o;
      const source = await this.#o.packages.get(
        admit.package.sha256,
        () => channel.fetch(admit.package),
      );
      this.#refuseIfNative(source);
      const { permissions = NO_PERMISSIONS } = admit;
      this.#refuseIfNotAllowed(permissions);
      const lease = new NodeLease({
        id: grant.lease,
        workers,
        client: channel,
        start: {
          lease: grant.lease,
          logs,
          wasi,
          workers,
          places,
          depth,
          maxBytes,
          memoryBytes: functionBytes,
          hotMs,
          listen: door.workersListen,
          sandboxed,
          ...(callMs === undefined ? {} : { callMs }),
          ...(pins ? { pins: [...pins.cores] } : {}),
        },
        source,
        boot: () => this.#o.takeExecutor({ memoryBytes: functionBytes, permissions }),
        nowMs: () => this.#o.registration.clock.nowMs(),
        expiresMs: grant.expiresMs,
        ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
        cores: this.#o.cores,
      });
      this.#refuseIfClosed(); // it may have begun while the package came
      this.#leases.set(lease.id, lease);
      meter.follow(lease);
      this.#o.bills.open(meter);
      // Told before the executor starts: what is not heard to be claimed in time is offered to others.
      const told = this.#o.registration.report(lease.id, "claimed", workers);
      const accounted = lease.ended.then(async (reason) => {
        release();
        pins?.giveBack();
        meter.end();
        this.#leases.delete(lease.id);
        this.#log.info("lease {lease} has ended: {reason}", { lease: lease.id, reason });
        await told;
        await this.#o.registration.report(lease.id, "ended", workers, reason);
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
      pins?.giveBack();
      throw error;
    }
  }

  /** @throws {ControlError} code `draining`. */
  #refuseIfClosed(): void {
    if (this.refusing === undefined) return;
    throw new ControlError(`Cannot admit: ${this.refusing}`, "draining");
  }

  /** @throws {ControlError} code `native`. */
  #refuseIfNative(source: Uint8Array): void {
    if (this.#o.native || packageKind(source) !== "native") return;
    throw new ControlError(
      "Cannot admit: the package is a shared library, and this node takes none (its owner may allow them: executorManager.native)",
      "native",
    );
  }

  /** @throws {ControlError} code `permissions`. */
  #refuseIfNotAllowed(asked: AllPermissions): void {
    const entry = firstNotAllowed(asked, this.#o.permissions);
    if (entry === undefined) return;
    throw new ControlError(
      `Cannot admit: its functions ask for ${entry}, which this node's owner does not allow (executorManager.permissions)`,
      "permissions",
    );
  }

  #renew(lease: NodeLease, body: unknown): { expiresMs: number } {
    const parsed = v.safeParse(Renew, body);
    if (!parsed.success) {
      throw new ControlError(`Cannot renew: ${parsed.issues[0].message}`, "bad-request");
    }
    const grant = this.#admission.check(parsed.output.grant);
    if (grant.lease !== lease.id) {
      throw new ControlError("Cannot renew: the grant is for another lease", "bad-grant");
    }
    lease.renew(grant.expiresMs);
    this.#admission.prolong(lease.id, lease.expiresMs);
    return { expiresMs: lease.expiresMs };
  }
}
