/**
 * Executors that have booted before anybody asked for them, and wait for a lease (OpenWhisk calls them stem cells).
 *
 * The JavaScript heap of a process is bounded at its start, so those that wait are of one size of lease: the one that
 * was asked for last. They are booted one after the other, and not right after a lease has begun: its first calls need
 * the cores more.
 */

import { DEFAULT_MEMORY_BYTES } from "../../runtime/client/lease_options.ts";
import { hasPermissions, NO_PERMISSIONS } from "../../runtime/permissions.ts";
import { getLogger } from "../log.ts";
import { type ExecutorNeeds, heapMegabytes } from "./executor_command.ts";
import type { ExecutorProcess } from "./executor_process.ts";

/** How many executors wait for leases. */
export interface PoolOptions {
  /** Booted at the start. */
  readonly initial: number;
  /** Kept ready, however long nobody asks; `max` at most, as `initial`. */
  readonly min: number;
  /** Never more; 0 is no pool. */
  readonly max: number;
  /** How long nobody must have asked before what is above `min` is ended, in milliseconds. */
  readonly idleMs: number;
  /** How many more are kept ready after a lease has found none. */
  readonly increment: number;
}

/** One process of 50 MB waits; more do on a node whose leases come faster than processes boot. */
export const DEFAULT_POOL: PoolOptions = {
  initial: 1,
  min: 1,
  max: 4,
  idleMs: 60_000,
  increment: 1,
};
export const NO_POOL: PoolOptions = { initial: 0, min: 0, max: 0, idleMs: 0, increment: 0 };

/** After a lease has begun or a process has booted: time for others to have the cores. */
const PAUSE_MS = 100;
/** After a process that ended before a lease came; doubled each time. */
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 60_000;

/** How an executor came: it waited already (`pooled`), or was booted for the lease (`cold`). */
export type StartKind = "cold" | "pooled";

/** An executor for a lease. */
export interface BootedExecutor {
  readonly process: ExecutorProcess;
  readonly start: StartKind;
}

interface Waiting {
  readonly process: ExecutorProcess;
  readonly heap: number;
}

export class ExecutorPool {
  /** How often a lease got an executor, by how it came. */
  readonly taken: Record<StartKind, number> = { cold: 0, pooled: 0 };
  readonly #log = getLogger(["rfaas", "executor-manager"]);
  readonly #boot: (needs: ExecutorNeeds) => Promise<ExecutorProcess>;
  readonly #o: PoolOptions;
  #waiting: Waiting[] = [];
  /** The size of those that are booted: that of the last lease. */
  #memoryBytes = DEFAULT_MEMORY_BYTES;
  #target: number;
  #takenMs = performance.now();
  #backoffMs = 0;
  #booting: Promise<unknown> = Promise.resolve();
  #ending: Promise<unknown> = Promise.resolve();
  #isBooting = false;
  /** The size of the one that boots, as long as no lease waits for it. */
  #comingHeap: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #paused = false;

  constructor(boot: (needs: ExecutorNeeds) => Promise<ExecutorProcess>, options: PoolOptions) {
    this.#boot = boot;
    const { initial, min, max } = options;
    this.#o = { ...options, min: Math.min(min, max) };
    this.#target = Math.min(Math.max(initial, min), max);
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Starts filling it. */
  open(): void {
    this.#paused = false;
    this.#schedule(0);
  }

  /** Gives one that waits, or boots one. */
  async take(needs: ExecutorNeeds): Promise<BootedExecutor> {
    const { memoryBytes, permissions } = needs;
    if (hasPermissions(permissions)) { // none that waits has any, and the next lease asks for others
      this.taken.cold++;
      return { process: await this.#boot(needs), start: "cold" };
    }
    this.#memoryBytes = memoryBytes;
    this.#takenMs = performance.now();
    const heap = heapMegabytes(memoryBytes);
    const found = this.#takeWaiting(heap);
    if (!found) this.#target = Math.min(this.#o.max, this.#target + this.#o.increment);
    const start = found ? "pooled" : "cold";
    this.taken[start]++;
    try {
      const process = found ?? await this.#takeComing(heap) ?? await this.#boot(needs);
      return { process, start };
    } finally {
      this.#backoffMs = 0;
      this.#schedule(PAUSE_MS);
    }
  }

  #takeWaiting(heap: number): ExecutorProcess | undefined {
    const at = this.#waiting.findIndex((waiting) => waiting.heap === heap);
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]!.process;
  }

  /** The one that boots, if no other lease waits for it: it is there sooner than one that is begun now. */
  async #takeComing(heap: number): Promise<ExecutorProcess | undefined> {
    if (this.#comingHeap !== heap) return undefined;
    this.#comingHeap = undefined;
    await this.#booting;
    return this.#takeWaiting(heap);
  }

  /** Ends those that wait, until it is opened again. Leases may still take what is booted for them. */
  pause(): void {
    this.#paused = true;
    while (this.#waiting.length > 0) this.#endOne(0);
  }

  /** Ends those that wait, for good. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#booting;
    while (this.#waiting.length > 0) this.#endOne(0);
    await this.#ending;
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#paused || this.#o.max === 0) return;
    this.#timer = setTimeout(() => this.#tend(), inMs);
  }

  /** One step towards what should wait: boot one, or end what is too much. */
  #tend(): void {
    if (this.#isBooting) return; // it schedules the next step
    const quietMs = performance.now() - this.#takenMs;
    if (quietMs >= this.#o.idleMs) this.#target = Math.min(this.#target, this.#o.min);
    const heap = heapMegabytes(this.#memoryBytes);
    const fitting = this.#waiting.filter((waiting) => waiting.heap === heap).length;
    if (fitting < this.#target) {
      if (this.#waiting.length >= this.#o.max) this.#endOne(heap);
      this.#isBooting = true;
      this.#comingHeap = heap;
      this.#booting = this.#bootOne(heap);
      return;
    }
    if (quietMs >= this.#o.idleMs) {
      while (this.#waiting.length > this.#target) this.#endOne(heap);
    } else if (this.#waiting.length > this.#o.min || this.#target > this.#o.min) {
      this.#schedule(this.#o.idleMs - quietMs);
    }
  }

  async #bootOne(heap: number): Promise<void> {
    try {
      const process = await this.#boot({
        memoryBytes: this.#memoryBytes,
        permissions: NO_PERMISSIONS,
      });
      const waiting = { process, heap };
      if (this.#paused) {
        await process.stop();
        return this.#schedule(PAUSE_MS); // it may have been opened again meanwhile
      }
      this.#waiting.push(waiting);
      process.ended.then((reason) => this.#lost(waiting, reason));
      this.#schedule(PAUSE_MS);
    } catch (error) {
      this.#backOff((error as Error).message);
    } finally {
      this.#isBooting = false;
      this.#comingHeap = undefined;
    }
  }

  #lost(waiting: Waiting, reason: string): void {
    const at = this.#waiting.indexOf(waiting);
    if (at < 0) return; // it has a lease, or was ended here
    this.#waiting.splice(at, 1);
    this.#backOff(reason);
  }

  /** What ends before it served anybody would end again: the next one must wait for longer each time. */
  #backOff(reason: string): void {
    if (this.#closed) return;
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, this.#backoffMs * 2 || FIRST_BACKOFF_MS);
    this.#log.warn("an executor that waited for a lease has ended, next try in {ms} ms: {reason}", {
      ms: this.#backoffMs,
      reason,
    });
    this.#schedule(this.#backoffMs);
  }

  /** Ends the oldest, rather one of another size than leases ask for. */
  #endOne(heap: number): void {
    const other = this.#waiting.findIndex((waiting) => waiting.heap !== heap);
    const [ended] = this.#waiting.splice(Math.max(0, other), 1);
    this.#ending = Promise.all([this.#ending, ended?.process.stop()]);
  }
}
