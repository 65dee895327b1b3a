/**
 * What one executor has used. The kernel's count for its process is what is billed: the counters of its worker show which
 * part of it was polling, and everything else is computing, on whatever thread. Native code can write any counter of its
 * process, so for it everything is computing.
 */

import type { Counters } from "../../../runtime/control/control_counters.ts";
import {
  CALLS,
  COMPUTE_NS,
  COUNT_EVERY_MS,
  POLL_NS,
} from "../../../runtime/executor/usage_counter.ts";
import type { Usage } from "../bills/lease_meter.ts";

/** The counters are that much behind the kernel at most: twice the interval at which the executor adds to them. */
const BEHIND_MS = 2 * COUNT_EVERY_MS;
/** No worker serves a call in less processor time: ours take 100 ns or more. */
const LEAST_CALL_NS = 10n;

export class ExecutorUsage {
  readonly #counters: Pick<Counters, "read">;
  readonly #cpuNs: () => bigint | undefined;
  /** The kernel's count before the lease: a process may have waited for it. */
  readonly #baseNs: bigint;
  /** The kernel's last count; it keeps none for a process that is gone. */
  #spentNs: bigint;
  #computeNs = 0n;
  #pollNs = 0n;
  #calls = 0n;
  /** The kernel's count at an earlier reading, which the counters include by now. */
  #earlier: { readonly ns: bigint; readonly atMs: number };
  /** What other threads than the worker used. */
  #otherNs = 0n;
  readonly #kernelAlone: boolean;
  readonly #nowMs: () => number;

  /**
   * @param cpuNs returns the processor time of the process, while that exists.
   * @param kernelAlone whether only that counts: for native packages.
   * @param nowMs @default performance.now
   */
  constructor(
    counters: Pick<Counters, "read">,
    cpuNs: () => bigint | undefined,
    kernelAlone = false,
    nowMs = () => performance.now(),
  ) {
    this.#nowMs = nowMs;
    this.#earlier = { ns: 0n, atMs: nowMs() };
    this.#kernelAlone = kernelAlone;
    this.#counters = counters;
    this.#cpuNs = cpuNs;
    this.#baseNs = this.#spentNs = cpuNs() ?? 0n;
  }

  /** The process reports its processor time in its last message. */
  report(cpuNs: bigint): void {
    if (cpuNs > this.#spentNs) this.#spentNs = cpuNs;
  }

  /** The kernel's count since the lease began, in nanoseconds; see {@linkcode ExecutorUsage.read}. */
  get spentNs(): bigint {
    this.report(this.#cpuNs() ?? 0n);
    return this.#spentNs - this.#baseNs;
  }

  /** The usage up to now, or to its end. What a killed process used since the last reading is lost. */
  read(): Usage {
    const now = this.#cpuNs();
    this.report(now ?? 0n);
    const maxNs = this.#spentNs - this.#baseNs;
    // The counter is the executor's: it must not make the node's sum fall, or lose its precision.
    const calls = least(this.#counters.read(CALLS), maxNs / LEAST_CALL_NS);
    if (calls > this.#calls) this.#calls = calls;
    if (this.#kernelAlone) return { computeNs: maxNs, pollNs: 0n, calls: this.#calls };
    const counted = this.#counters.read(COMPUTE_NS);
    const polled = this.#counters.read(POLL_NS);
    const otherNs = this.#earlierNs(now === undefined, maxNs) - counted - polled;
    if (otherNs > this.#otherNs) this.#otherNs = otherNs;
    const computeNs = least(counted + this.#otherNs, maxNs - this.#pollNs);
    if (computeNs > this.#computeNs) this.#computeNs = computeNs;
    // Polling takes processor time too; where threads wait for a core, wall-clock time would be too much.
    const pollNs = least(polled, maxNs - this.#computeNs);
    if (pollNs > this.#pollNs) this.#pollNs = pollNs;
    return { computeNs: this.#computeNs, pollNs: this.#pollNs, calls: this.#calls };
  }

  /** The kernel's count at a time that the counters have reached; the last one, if the process is gone. */
  #earlierNs(isGone: boolean, maxNs: bigint): bigint {
    const { ns, atMs } = this.#earlier;
    const nowMs = this.#nowMs();
    if (isGone) return maxNs;
    if (nowMs - atMs < BEHIND_MS) return 0n;
    this.#earlier = { ns: maxNs, atMs: nowMs };
    return ns;
  }
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
