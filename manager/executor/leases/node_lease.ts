/** A lease on its node: its workers, from the first executors to the end. */

import type { ControlChannel } from "../../../runtime/control/control_channel.ts";
import { LogRelay } from "../../../runtime/control/log_relay.ts";
import {
  type EndReason,
  endReason,
  endReasonText,
  limitReason,
} from "../../../runtime/protocol/end_reason.ts";
import type { ExecutorEnd } from "../../../runtime/http/manager_api.ts";
import type { Executor, ExecutorLost } from "../../../runtime/protocol/node_protocol.ts";
import type { Usage } from "../bills/lease_meter.ts";
import { getLogger } from "../../log.ts";
import { addUsage, LeaseWorker, type LeaseWorkerOptions } from "./lease_worker.ts";

/** A heartbeat may set the node's clock, by much if the resource manager's was set. A lease may end late by this much. */
const CHECK_EVERY_MS = 1000;
/** How long executors of a node that drains may take to stop, after their grace period: a batch job may wait for it. */
const DRAINED_STOP_MS = 100;

export interface NodeLeaseOptions extends Pick<LeaseWorkerOptions, "cores" | "source" | "boot"> {
  /** The client's channel, which receives the events. */
  readonly client: ControlChannel;
  /** The request of each worker's executors, the memory being that of one. */
  readonly starts: readonly LeaseWorkerOptions["start"][];
  /** The resource manager's time. */
  readonly nowMs: () => number;
  readonly expiresMs: number;
  /** Called when an executor ended while the lease goes on. @default nothing */
  readonly onExecutorEnded?: (end: ExecutorEnd) => void;
  /** The processor time that its executors may use together, in seconds. @default {Infinity} */
  readonly cpuSeconds?: number;
}

export class NodeLease {
  readonly id: string;
  readonly workers: number;
  /** Settles with the reason once the lease has ended and its executors are gone. */
  readonly ended: Promise<EndReason>;
  readonly #options: NodeLeaseOptions;
  readonly #setEnded: (reason: EndReason) => void;
  readonly #workers: readonly LeaseWorker[];
  /** Workers that get no other executor while the node drains. */
  readonly #left = new Set<LeaseWorker>();
  #expiresMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #log = getLogger(["rfaas", "executor-manager", "leases"]);
  readonly #logs = new LogRelay((batch) => this.#options.client.request("log", batch));
  #over = false;
  #draining = false;

  constructor(options: NodeLeaseOptions) {
    const { starts, cores, source, boot, client } = options;
    this.#options = options;
    this.id = starts[0]!.lease;
    this.workers = starts.length;
    this.#expiresMs = options.expiresMs;
    const { promise, resolve } = Promise.withResolvers<EndReason>();
    this.ended = promise;
    this.#setEnded = resolve;
    this.#workers = starts.map((start) =>
      new LeaseWorker({
        start,
        cores,
        source,
        boot,
        onLog: (batch) => this.#logs.push(batch),
        onLost: (worker, lost) => this.#onLost(worker, lost),
        onExecutor: (executor) => client.notify("executor", executor),
        onCrash: (last) => this.#endIfFailing(last),
      })
    );
  }

  get expiresMs(): number {
    return this.#expiresMs;
  }

  /** What all of its executors have used. */
  get usage(): Usage {
    return this.#workers.map(({ usage }) => usage).reduce(addUsage);
  }

  /** Starts the first executor of each worker. */
  async begin(): Promise<Executor[]> {
    this.#armTimer();
    this.#options.client.closed.then(() =>
      this.end(endReason("client-gone", "the client's control channel has ended"))
    );
    try {
      return await Promise.all(this.#workers.map((worker) => worker.begin()));
    } catch (error) {
      await this.end(endReason("failed", (error as Error).message));
      throw error;
    }
  }

  /** Moves the end; never to an earlier time. */
  renew(expiresMs: number): void {
    this.#expiresMs = Math.max(this.#expiresMs, expiresMs);
    this.#armTimer();
  }

  /** Notifies the client that the node drains and ends the lease after this grace period, in milliseconds. */
  drain(graceMs: number): void {
    if (this.#over) return;
    this.#draining = true;
    this.#options.client.notify("draining", { graceMs });
  }

  /** The node is lent again. */
  undrain(): void {
    this.#draining = false;
    for (const worker of this.#left) worker.restart("its executor ended while the node drained");
    this.#left.clear();
  }

  /** Ends the lease and waits until its executors are gone. May be called twice. */
  async end(reason: EndReason): Promise<void> {
    if (!this.#over) {
      this.#over = true;
      clearTimeout(this.#timer);
      try {
        this.#options.client.notify("over", { reason });
        const withinMs = this.#draining ? DRAINED_STOP_MS : undefined;
        await Promise.all(this.#workers.map((worker) => worker.stop(reason.message, withinMs)));
      } finally {
        this.#setEnded(reason); // its cores must be free again, whatever failed
      }
    }
    await this.ended;
  }

  /** An executor ended while its lease lives: notifies the client. Returns whether its worker goes on. */
  #onLost(worker: LeaseWorker, lost: Omit<ExecutorLost, "worker">): boolean {
    if (this.#over) return false;
    this.#options.client.notify("executor-lost", { worker: worker.index, ...lost });
    const end: ExecutorEnd = {
      lease: this.id,
      worker: worker.index,
      generation: lost.generation,
      reason: endReasonText(lost.reason),
    };
    this.#log.info(
      "executor {generation} of worker {worker} of lease {lease} has ended: {reason}",
      { ...end },
    );
    this.#options.onExecutorEnded?.(end);
    if (!this.#draining) return true;
    // Most often its part has moved to another node; a new process would only delay the drain.
    this.#left.add(worker);
    if (this.#left.size === this.workers) {
      const text = `its node drains, and its executors ended: ${lost.reason.message}`;
      this.end(endReason("draining", text));
    }
    return false;
  }

  /** Ends the lease if no worker can be kept alive. */
  #endIfFailing(last: string): void {
    if (this.#over || !this.#workers.every(({ failing }) => failing)) return;
    const text =
      `no worker can be kept alive: each executor ended soon after its start, the last one: ${last}`;
    this.end(endReason("crash-loop", text));
  }

  #armTimer(): void {
    clearTimeout(this.#timer);
    if (this.#over) return;
    const leftMs = this.#expiresMs - this.#options.nowMs();
    if (leftMs <= 0) this.end(endReason("expired", "its term is over"));
    else if (this.#isOverCpu()) {
      const text = `it took more than ${this.#options.cpuSeconds} s of processor time`;
      this.end(limitReason("cpu", text));
    } else this.#timer = setTimeout(() => this.#armTimer(), Math.min(leftMs, CHECK_EVERY_MS));
  }

  /** Checked once a second, as the end is. */
  #isOverCpu(): boolean {
    const { cpuSeconds = Infinity } = this.#options;
    if (cpuSeconds === Infinity) return false;
    const spentNs = this.#workers.reduce((sum, worker) => sum + worker.spentNs, 0n);
    return Number(spentNs) > cpuSeconds * 1e9;
  }
}
