/** A node's registration with the resource manager, its heartbeats, and its reports of leases. */

import { setTimeout as delay } from "node:timers/promises";
import { LeaseOverError, ManagerUnreachableError, RfaasError } from "../../../runtime/errors.ts";
import {
  type ExecutorEnd,
  type GrantKey,
  type HeartbeatResponse,
  type LeaseStart,
  type LeavingLease,
  type Lent,
  MAX_HEARTBEAT_EXECUTOR_ENDS,
  MAX_HEARTBEAT_STARTS,
  type NodeExecutors,
  type NodeRegistration,
  reportedReason,
} from "../../../runtime/http/manager_api.ts";
import { type EndReason, endReason } from "../../../runtime/protocol/end_reason.ts";
import type { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { ManagerRefusedError } from "../../../runtime/http/manager_refused.ts";
import { getLogger } from "../../log.ts";
import { type Observe, unobserved } from "../../metrics/metric.ts";
import type { NodeBills } from "../bills/node_bills.ts";
import { DueReports } from "./due_reports.ts";
import { NodeClock } from "./node_clock.ts";
import { watchNotifications } from "./notification_watch.ts";

/** Between two attempts to register, while the resource manager does not respond. */
const RETRY_MS = 500;
/** How long the request to drain may take. The node's clients are notified after it. */
const DRAIN_TIMEOUT_MS = 500;
/** How long each of the last two requests may take, when the node's manager closes. */
const CLOSE_TIMEOUT_MS = 1000;

/** The most ends of executors that wait for a heartbeat. */
const MAX_EXECUTOR_ENDS = 256;

const REVOKED = endReason("revoked", "the resource manager has ended it");

/** The requests that a {@linkcode Registration} sends. */
export type RegistrationClient = Pick<
  ManagerClient,
  "registerNode" | "heartbeat" | "awaitNotifications" | "reportLease" | "drainNode" | "removeNode"
>;

/** What a {@linkcode Registration} reads of its node, and what it calls. */
export interface RegistrationHandlers {
  /** Returns the leases that run here. */
  leases(): { lease: string; workers: number }[];
  /** Called after each heartbeat with what the node has to lend. */
  lend(lent: Lent): void;
  /** Called after each heartbeat with the leases that have to leave for others. */
  leave(leases: readonly LeavingLease[]): void;
  /** Called when this lease, or every lease (`undefined`), must end. */
  end(lease: string | undefined, reason: EndReason): void;
  /** The totals that heartbeats and reports of ended leases carry. */
  readonly bills: NodeBills;
  /** Counts the executors for each heartbeat. @default they are not reported */
  executors?(): NodeExecutors;
  /** Records heartbeats. @default nothing is recorded */
  readonly observe?: Observe;
}

/** Keeps one node registered until it is closed. */
export class Registration {
  /** An estimate of the resource manager's clock. */
  readonly clock = new NodeClock();
  readonly #client: RegistrationClient;
  readonly #node: NodeRegistration;
  readonly #handlers: RegistrationHandlers;
  readonly #closing = new AbortController();
  readonly #log = getLogger(["rfaas", "executor-manager", "registration"]);
  #id = "";
  #epoch = 0;
  #keys: readonly GrantKey[] = [];
  #heartbeatMs = 1000;
  #working: Promise<unknown> = Promise.resolve();
  /** Whether a notification has come since the last heartbeat: then the next one is due at once. */
  #isHeartbeatDue = false;
  /** The last change of what it lends that the node has applied. */
  #lentRevision: number | undefined;
  /** Of many the first ones: the log of the node has the others. */
  readonly #executorEnds = new DueReports<ExecutorEnd>({
    max: MAX_EXECUTOR_ENDS,
    perHeartbeat: MAX_HEARTBEAT_EXECUTOR_ENDS,
    drop: "newest",
  });
  readonly #leaseStarts = new DueReports<LeaseStart>({
    max: MAX_HEARTBEAT_STARTS,
    perHeartbeat: MAX_HEARTBEAT_STARTS,
    drop: "oldest",
  });
  /** Ends the wait for the next heartbeat. */
  #wake = new AbortController();

  constructor(client: RegistrationClient, node: NodeRegistration, handlers: RegistrationHandlers) {
    this.#client = client;
    this.#node = node;
    this.#handlers = handlers;
  }

  /** The node's id with the resource manager; empty before it has registered. */
  get id(): string {
    return this.#id;
  }

  /** The number of this start of the node's executor manager. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The keys of the resource manager that sign valid grants. */
  get keys(): readonly GrantKey[] {
    return this.#keys;
  }

  /**
   * Registers the node, then sends heartbeats and follows notifications until it is closed.
   *
   * @param timeoutMs how long to retry while the resource manager cannot be reached.
   * @throws {ManagerUnreachableError} when that time has passed. When the signal fires, its reason is thrown instead.
   */
  async begin(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      try {
        await this.#register(signal);
        break;
      } catch (error) {
        if (!(error instanceof ManagerUnreachableError) || performance.now() > untilMs) throw error;
        await delay(RETRY_MS, undefined, signal ? { signal } : {}).catch(() => {});
        signal?.throwIfAborted();
      }
    }
    const watching = watchNotifications({
      client: this.#client,
      identity: () => ({ node: this.#id, epoch: this.#epoch }),
      onNotification: () => this.heartbeatNow(),
      signal: this.#closing.signal,
    });
    this.#working = Promise.all([this.#sendHeartbeats(), watching]);
  }

  /** Sends the next heartbeat without delay. */
  heartbeatNow(): void {
    this.#isHeartbeatDue = true;
    this.#wake.abort();
  }

  /** Reports that a lease was claimed, or has ended. If the report is lost, heartbeats make up for it. */
  async report(
    lease: string,
    state: "claimed" | "ended",
    workers: number,
    reason?: string,
  ): Promise<void> {
    const bill = state === "ended" ? this.#handlers.bills.last(lease) : undefined;
    try {
      await this.#client.reportLease(this.#id, lease, {
        epoch: this.#epoch,
        state,
        workers,
        ...(reason ? { reason: reportedReason(reason) } : {}),
        ...(bill ? { bill } : {}),
      });
      if (bill) this.#handlers.bills.acknowledge([bill]);
    } catch (error) {
      if (!(error instanceof RfaasError)) throw error;
      // The client may release a lease before its node has reported the claim, which is not a fault.
      const over = state === "claimed" && error instanceof LeaseOverError;
      this.#log[over ? "debug" : "warn"]("report of lease {lease} {state} failed: {error}", {
        lease,
        state,
        error: error.message,
      });
      if (over) this.#handlers.end(lease, REVOKED);
    }
  }

  /** Reports with the next heartbeats that an executor ended while its lease goes on. */
  executorEnded(end: ExecutorEnd): void {
    this.#executorEnds.add({ ...end, reason: reportedReason(end.reason) });
  }

  /** Reports with the next heartbeats how a lease has started. */
  leaseStarted(start: LeaseStart): void {
    this.#leaseStarts.add(start);
  }

  /** Takes the node off the list of those that get leases. Draining goes on if the resource manager does not respond. */
  async drain(graceMs: number): Promise<void> {
    try {
      await this.#client.drainNode(this.#id, { graceMs }, AbortSignal.timeout(DRAIN_TIMEOUT_MS));
    } catch (error) {
      this.#log.warn("the resource manager may still offer this node: {error}", {
        error: (error as Error).message,
      });
    }
  }

  /** Stops the heartbeats. With `leave`, it removes the node from the resource manager. */
  async close(leave: boolean): Promise<void> {
    this.#closing.abort();
    this.#wake.abort();
    await this.#working;
    if (!leave || this.#id === "") return;
    try {
      if (this.#handlers.bills.due().length > 0) { // totals that were not reported when the leases ended
        await this.#sendHeartbeat(AbortSignal.timeout(CLOSE_TIMEOUT_MS));
      }
      await this.#client.removeNode(this.#id, AbortSignal.timeout(CLOSE_TIMEOUT_MS));
    } catch (error) {
      this.#log.info("cannot remove this node from the resource manager: {error}", {
        error: (error as Error).message,
      });
    }
  }

  async #register(signal?: AbortSignal): Promise<void> {
    const sentMs = performance.now();
    const response = await this.#client.registerNode(this.#node, signal);
    this.clock.learn(response.nowMs, sentMs, performance.now());
    this.#lentRevision = undefined;
    this.#id = response.node;
    this.#epoch = response.epoch;
    this.#keys = response.keys;
    this.#heartbeatMs = response.heartbeatMs;
    this.#log.info("registered as node {node}, epoch {epoch}", {
      node: this.#id,
      epoch: this.#epoch,
    });
  }

  async #registerAgain(signal: AbortSignal): Promise<void> {
    const id = this.#id;
    const own = this.#epoch + 1;
    await this.#register(signal);
    if (this.#id !== id || this.#epoch <= own) return;
    this.#log.warn(
      "another executor manager registers as {name}: each start ends what the other serves, give each a --name of its own",
      { name: this.#node.name },
    );
  }

  async #sendHeartbeats(): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      await this.#heartbeatDue();
      if (signal.aborted) return;
      this.#isHeartbeatDue = false;
      try {
        const response = await this.#sendHeartbeat(signal);
        this.#handlers.lend(response.lent);
        this.#handlers.leave(response.leave ?? []);
        if (this.#lentRevision !== response.lent.revision) {
          this.#lentRevision = response.lent.revision;
          this.#isHeartbeatDue = true; // it confirms the change
        }
        for (const lease of response.end) this.#handlers.end(lease, REVOKED);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ManagerRefusedError && error.code === "register-again") {
          this.#handlers.end(
            undefined,
            endReason("revoked", "the resource manager has no such node"),
          );
          await this.#registerAgain(signal).catch((again: Error) =>
            this.#log.warn("{error}", { error: again.message })
          );
        } else {
          // Leases that run go on to the end of their term.
          this.#log.warn("no heartbeat: {error}", { error: (error as Error).message });
        }
      }
    }
  }

  /** Waits until the next heartbeat is due: by time, by a notification, or since the registration is closed. */
  async #heartbeatDue(): Promise<void> {
    this.#wake = new AbortController();
    if (this.#isHeartbeatDue || this.#closing.signal.aborted) return;
    const { signal } = this.#wake;
    await delay(this.#heartbeatMs, undefined, { signal }).catch(() => {}); // it was woken
  }

  async #sendHeartbeat(signal: AbortSignal): Promise<HeartbeatResponse> {
    const { leases, bills, observe = unobserved } = this.#handlers;
    const due = bills.due();
    const executors = this.#handlers.executors?.();
    const executorEnds = this.#executorEnds.due();
    const starts = this.#leaseStarts.due();
    const sentMs = performance.now();
    const writtenMs = Math.floor(this.clock.nowMs());
    let outcome = "failed";
    let response: HeartbeatResponse;
    try {
      response = await this.#client.heartbeat(
        this.#id,
        {
          epoch: this.#epoch,
          ...(writtenMs > 0 ? { writtenMs } : {}), // not a number before the first response
          leases: leases(),
          ...(due.length > 0 ? { bills: due } : {}),
          ...(executors === undefined ? {} : { executors }),
          ...(executorEnds.length > 0 ? { executorEnds } : {}),
          ...(starts.length > 0 ? { starts } : {}),
          ...(this.#lentRevision === undefined ? {} : { lentRevision: this.#lentRevision }),
        },
        signal,
      );
      outcome = "ok";
    } finally {
      const seconds = (performance.now() - sentMs) / 1000;
      observe("rfaas_node_heartbeat_duration_seconds", seconds, outcome);
    }
    bills.acknowledge(due);
    this.#executorEnds.acknowledge(executorEnds);
    this.#leaseStarts.acknowledge(starts);
    this.clock.learn(response.nowMs, sentMs, performance.now());
    this.#keys = response.keys;
    return response;
  }
}
