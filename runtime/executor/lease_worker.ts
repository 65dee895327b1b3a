/** The worker of an executor: started for its lease, watched and stopped. */

import { keepOnCores } from "../../ffi/affinity.ts";
import { openCpu } from "../../ffi/cpu.ts";
import type { Libc } from "../../ffi/libc.ts";
import type { LentCounters } from "../control/control_counters.ts";
import { ControlError } from "../control/control_channel.ts";
import { packageKind } from "../package/package_kind.ts";
import { LOG_LOOK_MS } from "../policy.ts";
import type { EndReason } from "../protocol/end_reason.ts";
import { SAMPLE_PACKAGE, type StartRequest } from "./start_request.ts";
import { COUNT_EVERY_MS, UsageCounter } from "./usage_counter.ts";
import { LOGS_DROPPED, STOP, watchWords } from "./watch_words.ts";
import { Watchdog } from "./watchdog.ts";
import type { WorkerTask } from "./worker_task.ts";
import type { WorkerThread } from "./worker_thread.ts";

/** How long the worker may take to stop. */
const STOP_MS = 500;
const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;

/** Reads a package. */
type FetchPackage = () => Promise<Uint8Array<ArrayBuffer>>;

export interface LeaseWorkerOptions {
  readonly libc: Libc;
  /** Its thread, which has started already. */
  readonly thread: WorkerThread;
  /** Adds to a counter in the memory of the executor manager. */
  readonly addUsage: (counters: LentCounters, word: number, ns: bigint) => void;
  /** Reports lines that were dropped to the client. */
  readonly logDropped: (lines: number) => void;
  /** Ends the process. */
  readonly leave: (reason: EndReason, slot?: number) => void;
}

export class LeaseWorker {
  readonly #options: LeaseWorkerOptions;
  readonly #stopFd: number;
  readonly #cycles: () => number;
  #words: Int32Array | undefined;
  #usage: UsageCounter | undefined;
  /** Why the worker must stop; undefined while it serves. */
  #ending: EndReason | undefined;
  #linesDropped = 0;

  constructor(options: LeaseWorkerOptions) {
    const { libc } = options;
    this.#options = options;
    this.#cycles = openCpu(libc).cycles;
    this.#stopFd = libc.c.eventfd(0, EFD_CLOEXEC_NONBLOCK);
  }

  /** Runs a sample of a lease on both threads, while there is no lease. */
  async rehearse(request: StartRequest, fetch: FetchPackage): Promise<void> {
    const words = new Int32Array(new SharedArrayBuffer(4 * watchWords(request.depth)));
    await fetch();
    await this.#options.thread.rehearse(this.#taskOf(request, SAMPLE_PACKAGE, words));
    this.#watchdogOf(request, words)[Symbol.dispose]();
  }

  /**
   * Starts it, once.
   *
   * @param fetch reads the package, which the executor manager has checked.
   * @returns where it listens.
   * @throws {ControlError} code `bad-request` if it has started, `native` if only a sandbox could serve the package.
   */
  async start(request: StartRequest, fetch: FetchPackage): Promise<string> {
    if (this.#words) {
      throw new ControlError("Cannot start: this executor has a lease", "bad-request");
    }
    const { depth, counters, pin, logs } = request;
    const words = this.#words = new Int32Array(new SharedArrayBuffer(4 * watchWords(depth)));
    const source = await fetch();
    if (packageKind(source) === "native" && !request.sandboxed) {
      throw new ControlError("Cannot start: native code runs only in a sandbox", "native");
    }
    const { libc, thread, addUsage, leave } = this.#options;
    if (pin !== undefined) keepOnCores(libc, [pin]);
    const address = await thread.serve(
      this.#taskOf(request, source, words),
      (reason) => leave(this.#ending ?? reason),
    );
    // After the task has left: Deno loads modules for the first timer. Functions run once their client has attached.
    const watchdog = this.#watchdogOf(request, words);
    thread.onSlots = (addresses) => watchdog.watchGivenUp(addresses);
    const usage = this.#usage = new UsageCounter(
      words,
      this.#cycles,
      (word, ns) => addUsage(counters, word, ns),
    );
    setInterval(() => usage.count(), COUNT_EVERY_MS);
    if (logs) setInterval(() => this.#reportDropped(words), LOG_LOOK_MS);
    return address;
  }

  /** Adds what it has spent since the last time. */
  countUsage(): void {
    this.#usage?.count();
  }

  /** Stops it, and then ends the process. The first reason holds. */
  stop(reason: EndReason): void {
    const first = this.#ending ??= reason;
    const { libc, leave } = this.#options;
    if (!this.#words) return leave(first);
    Atomics.store(this.#words, STOP, 1);
    libc.c.write(this.#stopFd, new Uint8Array(new BigUint64Array([1n]).buffer), 8n);
    setTimeout(() => leave(first), STOP_MS);
  }

  #taskOf(
    request: StartRequest,
    source: Uint8Array<ArrayBuffer>,
    words: Int32Array<SharedArrayBuffer>,
  ): WorkerTask {
    const { package: _package, counters: _counters, callMs = Infinity, secret, ...rest } = request;
    return {
      ...rest,
      callMs,
      secret: Uint8Array.fromHex(secret),
      source,
      watch: words.buffer,
      stopFd: this.#stopFd,
    };
  }

  #watchdogOf({ depth, graceMs, callMs = Infinity }: StartRequest, words: Int32Array): Watchdog {
    const { libc, thread, leave } = this.#options;
    return new Watchdog(libc, words, {
      depth,
      callMs,
      graceMs,
      requestAnswer: () => thread.requestAnswer(),
      onCulprit: leave,
    });
  }

  #reportDropped(words: Int32Array): void {
    const total = Atomics.load(words, LOGS_DROPPED) >>> 0;
    const dropped = total - this.#linesDropped;
    if (dropped > 0) this.#options.logDropped(dropped);
    this.#linesDropped = total;
  }
}
