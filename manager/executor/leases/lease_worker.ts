/** One worker of a lease on its node: the executor that runs it, and the next one when that is lost. */

import { setTimeout as delay } from "node:timers/promises";
import type { LogBatch } from "../../../runtime/control/log_relay.ts";
import type { StartRequest } from "../../../runtime/executor/start_request.ts";
import type { EndCode } from "../../../runtime/protocol/end_reason.ts";
import type { Executor, ExecutorLost } from "../../../runtime/protocol/node_protocol.ts";
import { NO_USAGE, type Usage } from "../bills/lease_meter.ts";
import type { CoreTokens } from "../executors/core_tokens.ts";
import type { BootedExecutor } from "../executors/executor_pool.ts";
import type { ExecutorProcess } from "../executors/executor_process.ts";
import { SHARED_INSIDE } from "../sandbox/os_sandbox.ts";

/** An executor that ended sooner than this after its start counts as a crash of a worker that does not stay alive. */
const STABLE_MS = 1000;
/** Such crashes in a row after which a worker counts as one that can't be kept alive. It is started again all the same. */
const MAX_CRASHES = 20;
/** So many crashes in a row are followed by a start at once; then by a pause that doubles each time. */
const CRASHES_WITHOUT_PAUSE = 8;
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 500;

/** The calls of a client end an executor so; it is no fault of the worker, which is as good as before. */
const NO_CRASHES: ReadonlySet<EndCode> = new Set([
  "deadline",
  "abandoned",
  "limit",
  "client-gone",
  "stopped",
]);

export interface LeaseWorkerOptions {
  readonly start: Omit<StartRequest, "package" | "secret" | "counters" | "coreWords">;
  /** Where the node leases more workers than it has cores. */
  readonly cores: CoreTokens | undefined;
  readonly source: Uint8Array<ArrayBuffer>;
  /** Returns a process that waits for a lease. The signal fires when the lease has ended meanwhile. */
  readonly boot: (signal: AbortSignal) => Promise<BootedExecutor>;
  readonly onLog: (batch: LogBatch) => void;
  /** Called when an executor has ended. @returns whether another one has to be started. */
  readonly onLost: (worker: LeaseWorker, lost: Omit<ExecutorLost, "worker">) => boolean;
  /** Called with each executor but the first one. */
  readonly onExecutor: (executor: Executor) => void;
  /** Called when an executor ended or did not start, before the pause. */
  readonly onCrash: (last: string) => void;
}

export class LeaseWorker {
  /** The worker index. */
  readonly index: number;
  readonly #options: LeaseWorkerOptions;
  #executor: ExecutorProcess | undefined;
  /** Executors whose usage is not in the sums below yet. */
  readonly #metered = new Set<ExecutorProcess>();
  #spent = NO_USAGE;
  /** The processor time of those that have ended, by the kernel. */
  #spentNs = 0n;
  /** The start of the next executor, settled or not; it never rejects. */
  #starting: Promise<unknown> = Promise.resolve();
  #generation = 0;
  /** Crashes in a row. */
  #crashes = 0;
  readonly #stopping = new AbortController();

  constructor(options: LeaseWorkerOptions) {
    this.#options = options;
    this.index = options.start.worker;
  }

  /** Whether its executors end again and again, each soon after its start. */
  get failing(): boolean {
    return this.#crashes >= MAX_CRASHES;
  }

  /** What all of its executors have used. */
  get usage(): Usage {
    return [...this.#metered].reduce((sum, { usage }) => addUsage(sum, usage), this.#spent);
  }

  /** The processor time of all of its executors by the kernel, in nanoseconds. */
  get spentNs(): bigint {
    return [...this.#metered].reduce((sum, one) => sum + one.spentNs, this.#spentNs);
  }

  /** Starts the first executor. */
  begin(): Promise<Executor> {
    return this.#next();
  }

  /**
   * Ends it, and waits until its executor is gone.
   *
   * @param why the lease has ended, for an executor that boots.
   * @param withinMs how long the executor may take before it is killed.
   */
  async stop(why: string, withinMs?: number): Promise<void> {
    this.#stopping.abort(new Error(`the lease is over: ${why}`));
    await this.#executor?.stop(withinMs);
    await this.#starting;
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #next(): Promise<Executor> {
    const next = this.#startNext();
    this.#starting = next.catch(() => {});
    return next;
  }

  async #startNext(): Promise<Executor> {
    const { boot, start: terms, cores, source, onLog } = this.#options;
    const startMs = performance.now();
    const { process: executor, start } = await boot(this.#stopping.signal);
    const bootedMs = performance.now();
    if (this.#isStopping) {
      await executor.stop();
      throw this.#stopping.signal.reason;
    }
    this.#executor = executor;
    executor.onLog = onLog;
    const generation = ++this.#generation;
    const secret = crypto.getRandomValues(new Uint8Array(16)).toHex();
    const coreWords = cores?.issue(terms.sandboxed ? SHARED_INSIDE : undefined);
    this.#metered.add(executor);
    executor.ended.then((reason) => {
      if (coreWords) cores?.free(coreWords);
      this.#metered.delete(executor);
      this.#spent = addUsage(this.#spent, executor.usage);
      this.#spentNs += executor.spentNs;
      const { culprit } = executor;
      const lost = { generation, reason, ...(culprit === undefined ? {} : { slot: culprit }) };
      this.#lost(lost, performance.now() - bootedMs);
    });
    try {
      const address = await executor.start(
        { ...terms, secret, ...(coreWords ? { coreWords } : {}) },
        source,
      );
      return {
        worker: this.index,
        generation,
        address,
        secret,
        start,
        bootMs: Math.round(bootedMs - startMs),
        startMs: Math.round(performance.now() - bootedMs),
      };
    } catch (error) {
      executor.kill(); // a process without a worker would never end
      throw error;
    }
  }

  /** An executor ended: starts another one, unless the lease has no use for it. */
  async #lost(lost: Omit<ExecutorLost, "worker">, livedMs: number): Promise<void> {
    const { reason } = lost;
    if (livedMs >= STABLE_MS) this.#crashes = 0;
    if (!NO_CRASHES.has(reason.code)) this.#crashes++;
    if (this.#isStopping || !this.#options.onLost(this, lost)) return;
    await this.restart(reason.message);
  }

  /** Starts executors until one serves, or the worker stops. @param last why it has none. */
  async restart(last: string): Promise<void> {
    for (;;) {
      this.#options.onCrash(last);
      await this.#pause();
      if (this.#isStopping) return;
      const before = this.#generation;
      try {
        const executor = await this.#next();
        if (!this.#isStopping) this.#options.onExecutor(executor);
        return;
      } catch (error) {
        // The end of an executor that had connected starts the next one; otherwise this loop does.
        if (this.#isStopping || this.#generation !== before) return;
        this.#crashes++;
        last = (error as Error).message;
      }
    }
  }

  async #pause(): Promise<void> {
    const paused = this.#crashes - CRASHES_WITHOUT_PAUSE;
    if (paused <= 0) return;
    const ms = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** paused);
    await delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    computeNs: a.computeNs + b.computeNs,
    pollNs: a.pollNs + b.pollNs,
    calls: a.calls + b.calls,
  };
}
