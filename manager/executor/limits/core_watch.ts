/**
 * Bounds each executor to the one core of its worker. A function may start threads, which the kernel would place on any
 * core. The time in which an executor ran is read at intervals; one whose threads need more than a core is kept on a
 * single core from then on. The others are left to the kernel, which moves them away from busy cores.
 *
 * Where cores are scarce, threads run for less time than they need. What they need is estimated from the busiest one: if
 * it ran for a third of the time in which it was ready to run, all need three times what they got. The time in which the
 * others waited shows nothing: one that runs for 50 us every 10 ms may wait for its core in between all the time.
 */

import { allowedCores, keepOnCores } from "../../../ffi/affinity.ts";
import { listKernelFolder, readKernelFile } from "../../../ffi/kernel_file.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { processTimeNs } from "../../../ffi/process_time.ts";
import { getLogger } from "../../log.ts";
import { WatchedSet } from "./watched_set.ts";

/**
 * Between two readings, which take 10 us a thread each. An executor that has used less processor time than this since its
 * last reading is read later: it takes no core from others.
 */
const READ_EVERY_MS = 500;
/** More than the worker's own core, for V8 compiles and collects garbage on other threads now and then. */
const MAX_CORES = 1.25;
/** Readings above that in a row: loading a package is not meant. */
const MAX_READINGS = 2;
/** How often the list of threads is read, since one of them may start another meanwhile. */
const MAX_LISTINGS = 5;

/** What the kernel counts of a thread: the time in which it ran, and in which it waited for a core. */
interface ThreadTimes {
  readonly ranNs: number;
  readonly waitedNs: number;
}

interface Watched {
  readonly pid: number;
  /** The figures of the last reading, by thread in the case of `times`. */
  spentNs: bigint;
  times: ReadonlyMap<number, ThreadTimes>;
  atMs: number;
  /** Readings above {@linkcode MAX_CORES} in a row. */
  above: number;
}

export class CoreWatch implements Disposable {
  readonly #libc: Libc;
  readonly #everyMs: number;
  readonly #watched: WatchedSet<Watched>;
  #lastCore = 0;

  /** @param everyMs between two readings. */
  constructor(libc: Libc, everyMs: number = READ_EVERY_MS) {
    this.#libc = libc;
    this.#everyMs = everyMs;
    this.#watched = new WatchedSet(everyMs, (watched) => this.#read(watched));
  }

  /** Watches a process until the returned function is called, or it has been bounded. */
  watch(pid: number): () => void {
    const watched: Watched = {
      pid,
      spentNs: processTimeNs(this.#libc, pid) ?? 0n,
      times: this.#times(pid),
      atMs: performance.now(),
      above: 0,
    };
    this.#watched.add(watched);
    return () => this.#watched.delete(watched);
  }

  [Symbol.dispose](): void {
    this.#watched[Symbol.dispose]();
  }

  #read(watched: Watched): void {
    const nowMs = performance.now();
    const spentNs = processTimeNs(this.#libc, watched.pid) ?? watched.spentNs;
    const ranNs = Number(spentNs - watched.spentNs);
    if (ranNs < this.#everyMs * 1e6) return;
    const times = this.#times(watched.pid);
    const cores = ranNs / ((nowMs - watched.atMs) * 1e6) * stretch(watched.times, times);
    watched.spentNs = spentNs;
    watched.times = times;
    watched.atMs = nowMs;
    watched.above = cores > MAX_CORES ? watched.above + 1 : 0;
    if (watched.above < MAX_READINGS) return;
    this.#watched.delete(watched);
    this.#bound(watched.pid, cores);
  }

  /** By thread: its times; empty where the kernel does not count them. */
  #times(pid: number): Map<number, ThreadTimes> {
    const times = new Map<number, ThreadTimes>();
    for (const thread of this.#threads(pid)) {
      try {
        const text = readKernelFile(this.#libc, `/proc/${pid}/task/${thread}/schedstat`);
        const [ranNs, waitedNs] = text.split(" ").map(Number); // Documentation/scheduler/sched-stats.rst
        times.set(thread, { ranNs: ranNs!, waitedNs: waitedNs! });
      } catch {
        // The thread has ended, or there is no such file.
      }
    }
    return times;
  }

  #threads(pid: number): number[] {
    try {
      return listKernelFolder(this.#libc, `/proc/${pid}/task`).map(Number).filter((id) => id > 0);
    } catch {
      return []; // the process has ended
    }
  }

  #bound(pid: number, used: number): void {
    try {
      const allowed = allowedCores(this.#libc, pid);
      const core = allowed[this.#lastCore++ % allowed.length]!;
      for (let i = 0; i < MAX_LISTINGS; i++) {
        const left = this.#threads(pid).filter((thread) => this.#isWide(thread));
        if (left.length === 0) break;
        for (const thread of left) keepOnCores(this.#libc, [core], thread);
      }
      log().warn(
        "executor {pid} has work for {used} cores instead of one: it keeps to core {core}",
        {
          pid,
          used: used.toFixed(1),
          core,
        },
      );
    } catch (error) { // it has ended meanwhile
      log().debug("cannot bound executor {pid}: {reason}", {
        pid,
        reason: (error as Error).message,
      });
    }
  }

  /** Whether a thread may run on more than one core. */
  #isWide(thread: number): boolean {
    try {
      return allowedCores(this.#libc, thread).length > 1;
    } catch {
      return false; // it has ended
    }
  }
}

/** How much longer the thread that ran most was ready to run than it ran, between two readings: 1 if it never waited. */
function stretch(
  before: ReadonlyMap<number, ThreadTimes>,
  after: ReadonlyMap<number, ThreadTimes>,
): number {
  let mostNs = 0;
  let factor = 1;
  for (const [thread, { ranNs, waitedNs }] of after) {
    const last = before.get(thread);
    const ran = ranNs - (last?.ranNs ?? 0);
    if (ran <= mostNs) continue;
    mostNs = ran;
    factor = 1 + (waitedNs - (last?.waitedNs ?? 0)) / ran;
  }
  return factor;
}

function log() {
  return getLogger(["rfaas", "executor-manager", "limits"]);
}
