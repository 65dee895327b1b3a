/** The leases of a node: admitted for a grant, billed while they run, reported to the resource manager. */

import type { ControlChannel } from "../../../runtime/control/control_channel.ts";
import { ControlError } from "../../../runtime/control/control_channel.ts";
import type { Grant } from "../../../runtime/grant/grant.ts";
import { packageKind } from "../../../runtime/package/package_kind.ts";
import type { AllPermissions } from "../../../runtime/permissions.ts";
import { type EndReason, endReasonText } from "../../../runtime/protocol/end_reason.ts";
import { slowestOf, startOf } from "../../../runtime/protocol/executor_start.ts";
import {
  type Admit,
  admitSchema,
  type Executor,
  type Renewed,
  renewSchema,
} from "../../../runtime/protocol/node_protocol.ts";
import type { ServeTerms } from "../../../runtime/protocol/serve_terms.ts";
import type { Span } from "../../../runtime/tracing/otel_api.ts";
import { parseTraceparent } from "../../../runtime/tracing/trace_context.ts";
import { withSpan } from "../../../runtime/tracing/tracing.ts";
import * as v from "../../../runtime/valibot.ts";
import { getLogger } from "../../log.ts";
import { type Observe, OTHER } from "../../metrics/metric.ts";
import { LeaseMeter } from "../bills/lease_meter.ts";
import type { NodeBills } from "../bills/node_bills.ts";
import { NodeUsage } from "../bills/node_usage.ts";
import type { RunningClock } from "../bills/running_clock.ts";
import type { CoreTokens } from "../executors/core_tokens.ts";
import type { ExecutorNeeds } from "../executors/executor_command.ts";
import type { BootedExecutor } from "../executors/executor_pool.ts";
import type { CorePins } from "../limits/core_pins.ts";
import type { Registration } from "../registration/registration.ts";
import { Admission } from "./admission.ts";
import type { Capacity } from "./capacity.ts";
import { NodeLease } from "./node_lease.ts";
import type { PackageCache } from "./package_cache.ts";
import { firstNotAllowed } from "./permission_rules.ts";

/** Limits that a node's owner sets for all leases. */
export interface NodeLimits {
  /** The longest that a call may take, in milliseconds, 1 to an hour. @default {Infinity} */
  readonly callMs?: number;
  /** The processor time of a lease, in seconds. @default {Infinity} */
  readonly cpuSeconds?: number;
}

export interface NodeLeasesOptions {
  readonly registration: Registration;
  readonly capacity: Capacity;
  readonly bills: NodeBills;
  /** The clock of the bills. */
  readonly running: RunningClock;
  /** Where the node leases more workers than it has cores. */
  readonly cores: CoreTokens | undefined;
  /** Whether executors run in a sandbox of the operating system. */
  readonly sandboxed: boolean;
  /** Whether packages may be shared libraries. */
  readonly native: boolean;
  readonly packages: PackageCache;
  /** Returns a process that waits for a lease, for a worker of this one. The signal ends a boot. */
  readonly takeExecutor: (
    lease: string,
    needs: ExecutorNeeds,
    signal: AbortSignal,
  ) => Promise<BootedExecutor>;
  readonly limits: NodeLimits;
  /** Cores that leases keep to, if they do. */
  readonly pins: CorePins | undefined;
  /** What functions may be allowed. */
  readonly permissions: AllPermissions;
  /** Records claims and ends. */
  readonly observe: Observe;
}

/** What a lease has of the node, apart from its executors. */
interface Allotted {
  readonly grant: Grant;
  readonly meter: LeaseMeter;
  readonly pins: readonly number[] | undefined;
  /** The memory of its functions. */
  readonly functionBytes: number;
  /** May be called twice. */
  readonly release: () => void;
}

export class NodeLeases {
  /** Why the node admits no lease at present. */
  refusing: string | undefined;
  /** What the leases have used. */
  readonly usage = new NodeUsage();
  readonly #log = getLogger(["rfaas", "executor-manager", "leases"]);
  readonly #options: NodeLeasesOptions;
  readonly #admission: Admission;
  readonly #running = new Map<string, NodeLease>();
  /** Reports of ends that are on their way to the resource manager. */
  readonly #reporting = new Set<Promise<void>>();

  constructor(options: NodeLeasesOptions) {
    this.#options = options;
    this.#admission = new Admission(options.registration, options.capacity);
  }

  get running(): ReadonlyMap<string, NodeLease> {
    return this.#running;
  }

  /**
   * Admits a lease and starts its executors.
   *
   * @param channel the client's: the lease ends with it.
   * @param workersListen where the workers listen.
   * @param body of the request `admit`.
   * @param onLease called with the lease before its executors start: the client may release it from then on.
   * @throws {ControlError} with the reason as its code.
   */
  async admit(
    channel: ControlChannel,
    workersListen: string,
    body: unknown,
    onLease: (lease: NodeLease) => void,
  ): Promise<Executor[]> {
    const startMs = performance.now();
    let outcome = OTHER;
    try {
      const claim = parseBody("admit", admitSchema, body);
      const parent = parseTraceparent(claim.traceparent);
      const executors = await withSpan(
        "rfaas.node.admit",
        { parent },
        (span) => this.#admit(channel, workersListen, claim, onLease, span),
      );
      outcome = "admitted";
      return executors;
    } catch (error) {
      if (error instanceof ControlError) outcome = error.code;
      throw error;
    } finally {
      const seconds = (performance.now() - startMs) / 1000;
      this.#options.observe("rfaas_node_claim_duration_seconds", seconds, outcome);
    }
  }

  async #admit(
    channel: ControlChannel,
    workersListen: string,
    { grant, package: lent, traceparent: _, ...serve }: Admit,
    onLease: (lease: NodeLease) => void,
    span: Span | undefined,
  ): Promise<Executor[]> {
    const arrivedMs = performance.now();
    this.#refuseIfClosed();
    const allotted = this.#allot(grant, serve);
    span?.setAttributes({
      "rfaas.lease.id": allotted.grant.lease,
      "rfaas.workers": serve.workerIndexes.length,
    });
    try {
      const { packages, registration } = this.#options;
      const source = await packages.get(lent.sha256, () => channel.fetch(lent));
      this.#refuseIfNative(source);
      this.#refuseIfNotAllowed(serve.permissions);
      const lease = this.#makeLease(channel, workersListen, serve, source, allotted);
      this.#refuseIfClosed(); // it may have begun during the fetch
      this.#refuseIfFull();
      this.#track(lease, allotted);
      onLease(lease);
      const admitMs = Math.round(performance.now() - arrivedMs);
      const executors = await withSpan("rfaas.node.start", {}, () => lease.begin());
      const start = startOf(executors);
      registration.leaseStarted({ lease: lease.id, start, admitMs, ...slowestOf(executors) });
      span?.setAttributes({ "rfaas.start": start });
      this.#log.info("lease {lease} is served by {workers} workers, {pooled} of them pooled", {
        lease: lease.id,
        workers: lease.workers,
        pooled: executors.filter(({ start }) => start === "pooled").length,
      });
      return executors;
    } catch (error) {
      allotted.release();
      throw error;
    }
  }

  /**
   * Extends the term of a lease.
   *
   * @param body of the request `renew`.
   * @throws {ControlError} with the reason as its code.
   */
  renew(lease: NodeLease, body: unknown): Renewed {
    const grant = this.#admission.check(parseBody("renew", renewSchema, body).grant);
    if (grant.lease !== lease.id) {
      throw new ControlError("Cannot renew: the grant is for another lease", "bad-grant");
    }
    lease.renew(grant.expiresMs);
    this.#admission.prolong(lease.id, lease.expiresMs);
    return { expiresMs: lease.expiresMs };
  }

  /** Ends one lease, or all of them: `undefined`. Settles when their executors are gone. */
  async end(id: string | undefined, reason: EndReason): Promise<void> {
    const found = [...this.#running.values()].filter((lease) =>
      id === undefined || lease.id === id
    );
    await Promise.all(found.map((lease) => lease.end(reason)));
  }

  /** Settles when every end is reported to the resource manager, or could not be. */
  async reported(): Promise<void> {
    await Promise.all(this.#reporting);
  }

  /** Takes cores and memory for a grant, and starts to bill them. */
  #allot(grantText: string, serve: ServeTerms): Allotted {
    const workers = serve.workerIndexes.length;
    const { grant, memoryBytes, functionBytes, release } = this.#admission.admit(grantText, {
      ...serve,
      workers,
    });
    const { registration, running } = this.#options;
    const meter = new LeaseMeter({
      lease: grant.lease,
      node: grant.node,
      epoch: grant.epoch,
      workers,
      memoryBytes,
      sinceMs: Math.round(registration.clock.nowMs()),
    }, () => running.nowMs());
    const pins = this.#options.pins?.take(workers);
    return {
      grant,
      meter,
      pins: pins?.cores,
      functionBytes,
      release: () => {
        release();
        pins?.release();
      },
    };
  }

  #makeLease(
    channel: ControlChannel,
    workersListen: string,
    serve: ServeTerms,
    source: Uint8Array<ArrayBuffer>,
    { grant, pins, functionBytes }: Allotted,
  ): NodeLease {
    const { registration, sandboxed, limits: { callMs, cpuSeconds }, cores } = this.#options;
    const { workerIndexes, ...terms } = serve;
    const { permissions } = serve;
    const workers = workerIndexes.length;
    const memoryBytes = Math.floor(functionBytes / workers);
    return new NodeLease({
      client: channel,
      starts: workerIndexes.map((worker, at) => ({
        lease: grant.lease,
        ...terms,
        worker,
        workers,
        memoryBytes,
        listen: workersListen,
        sandboxed,
        ...(callMs === undefined ? {} : { callMs }),
        ...(pins ? { pin: pins[at]! } : {}),
      })),
      source,
      boot: (signal) =>
        this.#options.takeExecutor(grant.lease, { memoryBytes, permissions }, signal),
      nowMs: () => registration.clock.nowMs(),
      onExecutorEnded: (end) => registration.executorEnded(end),
      expiresMs: grant.expiresMs,
      ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
      cores,
    });
  }

  /** Bills and reports a lease until it has ended. */
  #track(lease: NodeLease, { meter, release }: Allotted): void {
    const { bills, registration } = this.#options;
    const { id, workers } = lease;
    this.#running.set(id, lease);
    meter.follow(lease);
    bills.open(meter);
    this.usage.open(meter);
    // Reported before the executor starts: the resource manager offers a grant to others unless it is claimed in time.
    const claimed = registration.report(id, "claimed", workers);
    const reporting = lease.ended.then(async (reason) => {
      release();
      meter.end();
      this.usage.close(meter);
      this.#options.observe("rfaas_node_leases_ended_total", 1, reason.code);
      this.#running.delete(id);
      const text = endReasonText(reason);
      this.#log.info("lease {lease} has ended: {reason}", { lease: id, reason: text });
      await claimed;
      await registration.report(id, "ended", workers, text);
      this.#reporting.delete(reporting);
    });
    this.#reporting.add(reporting);
  }

  /** @throws {ControlError} code `draining`. */
  #refuseIfClosed(): void {
    if (this.refusing === undefined) return;
    throw new ControlError(`Cannot admit: ${this.refusing}`, "draining");
  }

  /** The node may lend fewer cores since the lease got its own. @throws {ControlError} code `full`. */
  #refuseIfFull(): void {
    const { excessCores } = this.#options.capacity;
    if (excessCores === 0) return;
    throw new ControlError(`Cannot admit: the node lends ${excessCores} cores too many`, "full");
  }

  /** @throws {ControlError} code `native`. */
  #refuseIfNative(source: Uint8Array): void {
    if (this.#options.native || packageKind(source) !== "native") return;
    throw new ControlError(
      "Cannot admit: the package is a shared library, and this node accepts none (its owner may allow them: executorManager.native)",
      "native",
    );
  }

  /** @throws {ControlError} code `permissions`. */
  #refuseIfNotAllowed(requested: AllPermissions): void {
    const entry = firstNotAllowed(requested, this.#options.permissions);
    if (entry === undefined) return;
    throw new ControlError(
      `Cannot admit: its functions request ${entry}, which this node's owner does not allow (executorManager.permissions)`,
      "permissions",
    );
  }
}

/** @throws {ControlError} code `bad-request`. */
function parseBody<T>(type: string, schema: v.GenericSchema<unknown, T>, body: unknown): T {
  const parsed = v.safeParse(schema, body);
  if (parsed.success) return parsed.output;
  throw new ControlError(`Cannot ${type}: ${parsed.issues[0].message}`, "bad-request");
}
