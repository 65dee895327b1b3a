/** Boots the executors of a node, for its pool and for its leases, and has a list of those that run. */

import { isStopped } from "../../../ffi/process_state.ts";
import { processTimeNs } from "../../../ffi/process_time.ts";
import { residentBytes } from "../../../ffi/resident_memory.ts";
import type { Libc } from "../../../ffi/libc.ts";
import type { Observe } from "../../metrics/metric.ts";
import type { CoreWatch } from "../limits/core_watch.ts";
import type { MemoryBounds } from "../limits/memory_limit.ts";
import { ThreadWatch } from "../limits/thread_watch.ts";
import type { NodeListeners } from "../node_listeners.ts";
import type { NodeSandbox } from "../sandbox/open_sandbox.ts";
import { BeatWatch } from "./beat_watch.ts";
import { UsageWatch } from "./usage_watch.ts";
import type { ExecutorBundle } from "./executor_bundle.ts";
import type { ExecutorCaches } from "./executor_caches.ts";
import { executorCommand, type ExecutorNeeds } from "./executor_command.ts";
import { ExecutorProcess } from "./executor_process.ts";
import { PendingExecutors } from "./pending_executors.ts";

const SIGKILL = 9;

export interface ExecutorBootsOptions {
  readonly libc: Libc;
  readonly bundle: ExecutorBundle;
  readonly caches: ExecutorCaches;
  readonly sandbox: NodeSandbox;
  readonly memory: MemoryBounds;
  readonly coreWatch: CoreWatch;
  readonly listeners: Pick<NodeListeners, "addresses" | "local">;
  /** The file that all executors share: the words of the cores. */
  readonly shared: string | undefined;
  /** Records boots and ends. */
  readonly observe: Observe;
}

export class ExecutorBoots {
  /** Those that have to connect yet. */
  readonly pending = new PendingExecutors();
  readonly #options: ExecutorBootsOptions;
  readonly #beats = new BeatWatch();
  readonly #usage = new UsageWatch();
  readonly #threads: ThreadWatch;
  readonly #running = new Set<ExecutorProcess>();

  constructor(options: ExecutorBootsOptions) {
    this.#options = options;
    this.#threads = new ThreadWatch(options.libc);
  }

  /** The number of executors that run. */
  get running(): number {
    return this.#running.size;
  }

  /** The resident memory of all executors, in bytes. */
  usedBytes(): number {
    const { libc } = this.#options;
    return [...this.#running].reduce((sum, { pid }) => sum + (residentBytes(libc, pid) ?? 0), 0);
  }

  /** Boots one. The signal ends the boot. */
  async boot(needs: ExecutorNeeds, signal?: AbortSignal): Promise<ExecutorProcess> {
    const { libc, bundle, caches, sandbox, memory, coreWatch, listeners, shared, observe } =
      this.#options;
    const startMs = performance.now();
    const cache = await caches.issue();
    const command = await executorCommand({
      bundle,
      cache: cache.folder,
      ...needs,
      sandbox: sandbox.sandbox,
      rdma: listeners.addresses.length > 1,
      shared,
    });
    const host = {
      managerAddress: listeners.local,
      cpuNs: (pid: number) => processTimeNs(libc, pid),
      kill: (pid: number) => void libc.c.kill(pid, SIGKILL),
      memory,
      beats: this.#beats,
      usage: this.#usage,
      isStopped: (pid: number) => isStopped(libc, pid),
      cores: coreWatch,
      threads: this.#threads,
    };
    try {
      const booting = ExecutorProcess.boot(
        command,
        host,
        (secret, gone) => this.pending.expect(secret, gone),
        signal,
      );
      caches.prepare(); // this process has nothing else to do now
      const process = await booting;
      this.#running.add(process);
      observe("rfaas_node_executor_boot_seconds", (performance.now() - startMs) / 1000);
      process.ended.then(({ code }) => {
        this.#running.delete(process);
        observe("rfaas_node_executors_ended_total", 1, code);
        cache.remove();
      });
      await cache.seal();
      return process;
    } catch (error) {
      cache.remove();
      throw error;
    }
  }
}
