/** A lease on its node: the executor that serves it, another one when that is lost, and its end. */

import type { ControlChannel } from "../../runtime/control/control_channel.ts";
import { LogRelay } from "../../runtime/control/log_relay.ts";
import type { Executor } from "../../runtime/protocol/node_protocol.ts";
import type { StartRequest } from "../../runtime/executor/start_request.ts";
import type { BootedExecutor } from "./executor_pool.ts";
import type { ExecutorProcess } from "./executor_process.ts";
import type { CoreTokens } from "./core_tokens.ts";
import type { Usage } from "./lease_meter.ts";
import { SHARED_INSIDE } from "./sandbox/os_sandbox.ts";

/** Executors that may follow each other within {@linkcode RESTART_WINDOW_MS}; then the node gives up. */
const MAX_RESTARTS = 20;
const RESTART_WINDOW_MS = 10_000;

/** A heartbeat may set the node's clock, by much if the resource manager's was set: how late a lease may then end. */
const CLOCK_LOOK_MS = 1000;

export interface NodeLeaseOptions {
  readonly id: string;
  readonly workers: number;
  /** The client's channel: notices go there. */
  readonly client: ControlChannel;
  readonly start: Omit<StartRequest, "package" | "secret" | "counters" | "coreWords">;
  /** Where the node leases more workers than it has cores. */
  readonly cores?: CoreTokens | undefined;
  readonly source: Uint8Array<ArrayBuffer>;
  /** Gives a process that waits for a lease. */
  readonly boot: () => Promise<BootedExecutor>;
  /** The resource manager's time. */
  readonly nowMs: () => number;
  readonly expiresMs: number;
  /** The processor time that its executors may take together, in seconds. @default {Infinity} */
  readonly cpuSeconds?: number;
}

export class NodeLease {
  readonly id: string;
  readonly workers: number;
  /** Settles with the reason once the lease has ended and its executor is gone. */
  readonly ended: Promise<string>;
  readonly #o: NodeLeaseOptions;
  readonly #setEnded: (reason: string) => void;
  #executor: ExecutorProcess | undefined;
  /** Executors whose usage is not in the sum yet. */
  readonly #metered = new Set<ExecutorProcess>();
  #spent: Usage = { computeNs: 0n, pollNs: 0n };
  /** What the kernel has counted for those that have ended. */
  #spentNs = 0n;
  /** The start of the next executor, settled or not; it never rejects. */
  #starting: Promise<unknown> = Promise.resolve();
  #generation = 0;
  #expiresMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restarts: number[] = [];
  readonly #logs = new LogRelay((batch) => this.#o.client.request("log", batch));
  #over = false;
  #draining = false;

  constructor(options: NodeLeaseOptions) {
    this.#o = options;
    this.id = options.id;
    this.workers = options.workers;
    this.#expiresMs = options.expiresMs;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#setEnded = resolve;
  }

  get expiresMs(): number {
    return this.#expiresMs;
  }

  /** What all its executors have spent. */
  get usage(): Usage {
    return [...this.#metered].reduce((sum, { usage }) => add(sum, usage), this.#spent);
  }

  /** Starts the first executor. */
  async begin(): Promise<Executor> {
    this.#armTimer();
    this.#o.client.closed.then(() => this.end("client-gone: its channel has ended"));
    try {
      return await this.#next();
    } catch (error) {
      await this.end("failed");
      throw error;
    }
  }

  /** Moves the end; a renewal never moves it nearer. */
  renew(expiresMs: number): void {
    this.#expiresMs = Math.max(this.#expiresMs, expiresMs);
    this.#armTimer();
  }

  /** Tells the client that the node is taken back, and in how many milliseconds it ends the lease. */
  drain(noticeMs: number): void {
    if (this.#over) return;
    this.#draining = true;
    this.#o.client.notify("draining", { noticeMs });
  }

  /** The node is lent again. */
  undrain(): void {
    this.#draining = false;
  }

  /** Ends the lease and waits until its executor is gone. May be called twice. */
  async end(reason: string): Promise<void> {
    if (!this.#over) {
      this.#over = true;
      clearTimeout(this.#timer);
      try {
        this.#o.client.notify("over", { reason });
        await this.#executor?.stop();
        await this.#starting; // one that was booting finds that the lease is over, and stops
      } finally {
        this.#setEnded(reason); // its cores must come back, whatever went wrong
      }
    }
    await this.ended;
  }

  #next(): Promise<Executor> {
    const next = this.#startNext();
    this.#starting = next.catch(() => {});
    return next;
  }

  async #startNext(): Promise<Executor> {
    const askedMs = performance.now();
    const { process: executor, start } = await this.#o.boot();
    const bootedMs = performance.now();
    if (this.#over) {
      await executor.stop();
      throw new Error("Cannot start an executor: the lease is over");
    }
    this.#executor = executor;
    executor.onLog = (batch) => this.#logs.push(batch);
    const generation = ++this.#generation;
    const secret = crypto.getRandomValues(new Uint8Array(16)).toHex();
    const coreWords = this.#o.cores?.issue(this.#o.start.sandboxed ? SHARED_INSIDE : undefined);
    this.#metered.add(executor);
    executor.ended.then((reason) => {
      if (coreWords) this.#o.cores?.free(coreWords);
      this.#metered.delete(executor);
      this.#spent = add(this.#spent, executor.usage);
      this.#spentNs += executor.spentNs;
      this.#lost(generation, reason);
    });
    try {
      const addresses = await executor.start(
        { ...this.#o.start, secret, ...(coreWords ? { coreWords } : {}) },
        this.#o.source,
      );
      const startMs = performance.now() - bootedMs;
      return { generation, addresses, secret, start, bootMs: bootedMs - askedMs, startMs };
    } catch (error) {
      executor.kill(); // a process that came up and serves nobody would be waited for in vain
      throw error;
    }
  }

  /** An executor ended while its lease lives: tell the client, start another. */
  async #lost(generation: number, reason: string): Promise<void> {
    if (this.#over) return;
    this.#o.client.notify("executor-lost", { generation, reason });
    // Most often its client has left for another node; a new process would hold up who waits for this one.
    if (this.#draining) return this.end(`draining: ${reason}`);
    await this.#restart(reason);
  }

  /** Starts executors until one serves, the lease is over, or too many have failed. */
  async #restart(reason: string): Promise<void> {
    while (!this.#over) {
      const nowMs = performance.now();
      this.#restarts = this.#restarts.filter((atMs) => nowMs - atMs < RESTART_WINDOW_MS);
      this.#restarts.push(nowMs);
      if (this.#restarts.length > MAX_RESTARTS) {
        return this.end(
          `crash-loop: ${MAX_RESTARTS} executors ended within ${RESTART_WINDOW_MS} ms, the last one ${reason}`,
        );
      }
      const generation = this.#generation;
      try {
        const executor = await this.#next();
        if (!this.#over) this.#o.client.notify("executor", executor);
        return;
      } catch (error) {
        // One that had connected is followed by another when it has ended; one that had not is tried again here.
        if (this.#generation !== generation) return;
        reason = (error as Error).message;
      }
    }
  }

  #armTimer(): void {
    clearTimeout(this.#timer);
    if (this.#over) return;
    const leftMs = this.#expiresMs - this.#o.nowMs();
    if (leftMs <= 0) this.end("expired: its term is over");
    else if (this.#isOverCpu()) {
      this.end(`limit: cpu: it took more than ${this.#o.cpuSeconds} s of processor time`);
    } else this.#timer = setTimeout(() => this.#armTimer(), Math.min(leftMs, CLOCK_LOOK_MS));
  }

  /** Looked at once a second, as the end. */
  #isOverCpu(): boolean {
    const { cpuSeconds = Infinity } = this.#o;
    if (cpuSeconds === Infinity) return false;
    const spentNs = [...this.#metered].reduce((sum, one) => sum + one.spentNs, this.#spentNs);
    return Number(spentNs) > cpuSeconds * 1e9;
  }
}

function add(a: Usage, b: Usage): Usage {
  return { computeNs: a.computeNs + b.computeNs, pollNs: a.pollNs + b.pollNs };
}
