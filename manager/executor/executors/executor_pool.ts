/**
 * Executors that have booted in advance and wait for a lease (OpenWhisk calls them stem cells).
 *
 * Each is for one worker. The JavaScript heap of a process is bounded at its start, so all of them fit workers of one
 * size: those of the last request. They boot one after the other, and not right after a lease has begun: its first calls need the cores more.
 */

import { DEFAULT_MEMORY_BYTES } from "../../../runtime/byte_size.ts";
import type { ControlError } from "../../../runtime/control/control_channel.ts";
import { hasPermissions, NO_PERMISSIONS } from "../../../runtime/permissions.ts";
import { abortable } from "../../../std/async.ts";
import { getLogger } from "../../log.ts";
import { type ExecutorNeeds, heapMegabytes } from "./executor_command.ts";
import type { ExecutorProcess } from "./executor_process.ts";

/** How many executors wait for leases. */
export interface PoolOptions {
  /** Booted at the start. */
  readonly initial: number;
  /** Kept ready, however long no lease comes; `max` at most, as `initial`. */
  readonly min: number;
  /** Never more; 0 is no pool. */
  readonly max: number;
  /** How long no lease must have come before executors above `min` are ended, in milliseconds. */
  readonly idleMs: number;
  /** How many more are kept ready after a lease found none. */
  readonly increment: number;
}

/** One process of 50 MB waits; more of them on a node whose leases come faster than processes boot. */
export const DEFAULT_POOL: PoolOptions = {
  initial: 1,
  min: 1,
  max: 4,
  idleMs: 60_000,
  increment: 1,
};
export const NO_POOL: PoolOptions = { initial: 0, min: 0, max: 0, idleMs: 0, increment: 0 };

/** The pause after a lease has begun or a process has booted, which leaves the cores to others. */
const PAUSE_MS = 100;
/** The pause after a process ended before a lease came; doubled each time. */
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 60_000;

/** How a worker got its executor: it waited in the pool (`pooled`), or was booted for the lease (`cold`). */
export type StartKind = "cold" | "pooled";

/** An executor for a worker of a lease. */
export interface BootedExecutor {
  readonly process: ExecutorProcess;
  readonly start: StartKind;
}

/** Boots an executor. The signal ends the boot. */
type Boot = (needs: ExecutorNeeds, signal?: AbortSignal) => Promise<ExecutorProcess>;

interface Waiting {
  readonly process: ExecutorProcess;
  readonly heap: number;
}

export class ExecutorPool {
  /** The number of executors that workers got, by start kind. */
  readonly taken: Record<StartKind, number> = { cold: 0, pooled: 0 };
  readonly #log = getLogger(["rfaas", "executor-manager", "executors"]);
  readonly #boot: Boot;
  readonly #options: PoolOptions;
  #waiting: Waiting[] = [];
  /** The memory that executors are booted for: that of a worker of the last lease. */
  #memoryBytes = DEFAULT_MEMORY_BYTES;
  #target: number;
  #takenMs = performance.now();
  #backoffMs = 0;
  #booting: Promise<unknown> = Promise.resolve();
  #ending: Promise<unknown> = Promise.resolve();
  #isBooting = false;
  /** The heap of the executor that boots, as long as no lease waits for it. */
  #bootingHeap: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Aborted at the end: no executor boots any more. */
  readonly #closing = new AbortController();
  /** Aborted when it is paused: the one that boots ends. */
  #pausing = new AbortController();
  #paused = false;

  constructor(boot: Boot, options: PoolOptions) {
    this.#boot = boot;
    const { initial, min, max } = options;
    this.#options = { ...options, min: Math.min(min, max) };
    this.#target = Math.min(Math.max(initial, min), max);
  }

  /** The number of executors that wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Starts filling it. */
  open(): void {
    this.#paused = false;
    this.#pausing = new AbortController();
    this.#schedule(0);
  }

  /** Returns one that waits, or boots one. The signal ends a boot; an executor that boots anyway is left to others. */
  async take(needs: ExecutorNeeds, signal?: AbortSignal): Promise<BootedExecutor> {
    signal?.throwIfAborted();
    const { memoryBytes, permissions } = needs;
    if (hasPermissions(permissions)) { // none that waits has any, and the next lease may need others
      this.taken.cold++;
      return { process: await this.#boot(needs, signal), start: "cold" };
    }
    this.#memoryBytes = memoryBytes;
    this.#takenMs = performance.now();
    const heap = heapMegabytes(memoryBytes);
    const found = this.#takeWaiting(heap);
    if (!found) this.#target = Math.min(this.#options.max, this.#target + this.#options.increment);
    const start = found ? "pooled" : "cold";
    this.taken[start]++;
    try {
      const process = found ?? await this.#takeBooting(heap, signal) ??
        await this.#boot(needs, signal);
      return { process, start };
    } finally {
      this.#backoffMs = 0;
      this.#schedule(PAUSE_MS);
    }
  }

  #takeWaiting(heap: number): ExecutorProcess | undefined {
    for (;;) {
      const at = this.#waiting.findIndex((waiting) => waiting.heap === heap);
      if (at < 0) return undefined;
      const { process } = this.#waiting.splice(at, 1)[0]!;
      if (!process.isStopped) return process;
      process.kill(); // it would not start
    }
  }

  /** The one that boots, if no other lease waits for it: it is ready sooner than one that starts now. */
  async #takeBooting(heap: number, signal?: AbortSignal): Promise<ExecutorProcess | undefined> {
    if (this.#bootingHeap !== heap) return undefined;
    this.#bootingHeap = undefined;
    await (signal === undefined ? this.#booting : abortable(this.#booting, signal));
    return this.#takeWaiting(heap);
  }

  /**
   * Ends those that wait and the one that boots, until it is opened again. Leases still get executors that are booted for
   * them. Settles when they are gone: soon, since a batch job may wait for it.
   */
  async pause(): Promise<void> {
    this.#paused = true;
    this.#pausing.abort(new Error("the pool pauses"));
    const waiting = this.#waiting.splice(0).map(({ process }) => {
      process.kill(); // it has nothing to save
      return process.ended;
    });
    this.#ending = Promise.all([this.#ending, ...waiting]);
    await Promise.all([this.#booting, this.#ending]);
  }

  /** Ends those that wait and the one that boots, for good. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("the pool closes"));
    clearTimeout(this.#timer);
    while (this.#waiting.length > 0) this.#endOne(0); // one may rehearse, which is over then
    await this.#booting;
    await this.#ending;
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer);
    if (this.#closing.signal.aborted || this.#paused || this.#options.max === 0) return;
    this.#timer = setTimeout(() => this.#adjust(), inMs);
  }

  /** One step towards the target: boots one, or ends those that are too many. */
  #adjust(): void {
    if (this.#isBooting) return; // it schedules the next step
    const quietMs = performance.now() - this.#takenMs;
    if (quietMs >= this.#options.idleMs) this.#target = Math.min(this.#target, this.#options.min);
    const heap = heapMegabytes(this.#memoryBytes);
    const fitting = this.#waiting.filter((waiting) => waiting.heap === heap).length;
    if (fitting < this.#target) {
      if (this.#waiting.length >= this.#options.max) this.#endOne(heap);
      this.#isBooting = true;
      this.#bootingHeap = heap;
      this.#booting = this.#bootOne(heap);
      return;
    }
    if (quietMs >= this.#options.idleMs) {
      while (this.#waiting.length > this.#target) this.#endOne(heap);
    } else if (this.#waiting.length > this.#options.min || this.#target > this.#options.min) {
      this.#schedule(this.#options.idleMs - quietMs);
    }
  }

  async #bootOne(heap: number): Promise<void> {
    const signal = AbortSignal.any([this.#closing.signal, this.#pausing.signal]);
    try {
      const needs = { memoryBytes: this.#memoryBytes, permissions: NO_PERMISSIONS };
      const process = await this.#boot(needs, signal);
      const waiting = { process, heap };
      if (this.#paused || this.#closing.signal.aborted) {
        await process.stop();
        return this.#schedule(PAUSE_MS); // it may have been opened again meanwhile
      }
      this.#waiting.push(waiting);
      process.ended.then(({ message }) => this.#lost(waiting, message));
      const isAwaited = this.#bootingHeap === undefined;
      this.#bootingHeap = undefined;
      if (!isAwaited) await this.#rehearse(waiting);
      this.#schedule(PAUSE_MS);
    } catch (error) {
      if (signal.aborted) this.#schedule(PAUSE_MS); // it may have been opened again meanwhile
      else this.#backOff((error as Error).message);
    } finally {
      this.#isBooting = false;
      this.#bootingHeap = undefined;
    }
  }

  /**
   * A lease may take it meanwhile, and begins after the rehearsal.
   *
   * @throws {ControlError} code `timeout` if it lasts too long, after which no lease gets the executor.
   */
  async #rehearse(waiting: Waiting): Promise<void> {
    const { process } = waiting;
    try {
      await process.rehearse();
    } catch (error) {
      // If it matters, it shows again when a lease needs it.
      const { code, message: reason } = error as ControlError;
      this.#log.debug("an executor could not rehearse: {reason}", { reason });
      const at = this.#waiting.indexOf(waiting);
      if (code !== "timeout" || at < 0) return;
      this.#waiting.splice(at, 1);
      process.kill();
      throw error;
    }
  }

  #lost(waiting: Waiting, reason: string): void {
    const at = this.#waiting.indexOf(waiting);
    if (at < 0) return; // it has a lease, or the pool ended it
    this.#waiting.splice(at, 1);
    this.#backOff(reason);
  }

  /** An executor that ends before it has served is likely to end again: the pause grows each time. */
  #backOff(reason: string): void {
    if (this.#closing.signal.aborted) return;
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, this.#backoffMs * 2 || FIRST_BACKOFF_MS);
    this.#log.warn("an executor that waited for a lease has ended, next try in {ms} ms: {reason}", {
      ms: this.#backoffMs,
      reason,
    });
    this.#schedule(this.#backoffMs);
  }

  /** Ends the oldest; first one of another size than the last lease. */
  #endOne(heap: number): void {
    const other = this.#waiting.findIndex((waiting) => waiting.heap !== heap);
    const [ended] = this.#waiting.splice(Math.max(0, other), 1);
    this.#ending = Promise.all([this.#ending, ended?.process.stop()]);
  }
}
