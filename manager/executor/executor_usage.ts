/**
 * What one executor has spent: its own counters, and never more than the kernel counted for its process. Native code
 * could write any counter of its process, so there the kernel's figure is all that counts, as computing.
 */

import type { Counters } from "../../runtime/control/control_counters.ts";
import { COMPUTE_NS, POLL_NS } from "../../runtime/executor/usage_counter.ts";
import type { Usage } from "./lease_meter.ts";

export class ExecutorUsage {
  readonly #counters: Pick<Counters, "read">;
  readonly #cpuNs: () => bigint | undefined;
  /** What the kernel had counted before the lease: a process may have waited for it. */
  readonly #baseNs: bigint;
  /** The kernel's last figure; it keeps none for a process that is gone. */
  #spentNs: bigint;
  #pollNs = 0n;
  readonly #kernelAlone: boolean;

  /**
   * @param cpuNs the processor time of the process, while it is there.
   * @param kernelAlone for native packages.
   */
  constructor(
    counters: Pick<Counters, "read">,
    cpuNs: () => bigint | undefined,
    kernelAlone = false,
  ) {
    this.#kernelAlone = kernelAlone;
    this.#counters = counters;
    this.#cpuNs = cpuNs;
    this.#baseNs = this.#spentNs = cpuNs() ?? 0n;
  }

  /** The process itself tells its processor time as its last words. */
  told(cpuNs: bigint): void {
    if (cpuNs > this.#spentNs) this.#spentNs = cpuNs;
  }

  /** What the kernel has counted since the lease began, in nanoseconds; see {@linkcode ExecutorUsage.read}. */
  get spentNs(): bigint {
    this.told(this.#cpuNs() ?? 0n);
    return this.#spentNs - this.#baseNs;
  }

  /** Up to now, or to its end. To be asked once a second at least: later figures of a process that is killed are lost. */
  read(): Usage {
    this.told(this.#cpuNs() ?? 0n);
    const mostNs = this.#spentNs - this.#baseNs;
    if (this.#kernelAlone) return { computeNs: mostNs, pollNs: 0n };
    const computeNs = least(this.#counters.read(COMPUTE_NS), mostNs);
    // Spinning takes processor time too; where threads wait for a core, the clock on the wall says too much.
    const pollNs = least(this.#counters.read(POLL_NS), mostNs - computeNs);
    if (pollNs > this.#pollNs) this.#pollNs = pollNs;
    return { computeNs, pollNs: this.#pollNs };
  }
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
