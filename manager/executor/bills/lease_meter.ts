/** Meters what a lease uses of this node, from its admission to its end. */

import type { BillReport } from "../../../runtime/http/bill_api.ts";

/** The processor time of a lease's executors so far, in nanoseconds. It never decreases. */
export interface Usage {
  readonly computeNs: bigint;
  readonly pollNs: bigint;
  /** The requests that its workers have served: calls, and chunks of streams. Not billed. */
  readonly calls: bigint;
}

export const NO_USAGE: Usage = { computeNs: 0n, pollNs: 0n, calls: 0n };

/** The lease that a {@linkcode LeaseMeter} meters. */
export interface MeteredLease {
  readonly lease: string;
  /** The id that the node had at the admission. */
  readonly node: string;
  readonly epoch: number;
  readonly workers: number;
  readonly memoryBytes: number;
  /** The time of the admission, on the resource manager's clock. */
  readonly sinceMs: number;
}

/** The totals of one lease on this node. */
export class LeaseMeter {
  readonly lease: string;
  readonly #about: MeteredLease;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  #endMs: number | undefined;
  #source: { readonly usage: Usage } | undefined;

  /**
   * Starts counting.
   *
   * @param nowMs a monotonic clock in milliseconds, with fractions. The default is `performance.now`.
   */
  constructor(about: MeteredLease, nowMs = () => performance.now()) {
    this.lease = about.lease;
    this.#about = about;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
  }

  /** Sets the source of the usage of the lease's executors. */
  follow(source: { readonly usage: Usage }): void {
    this.#source = source;
  }

  /** Stops counting: the lease has ended. */
  end(): void {
    this.#endMs ??= this.#nowMs();
  }

  /** Whether the lease has ended, and its totals are final. */
  get ended(): boolean {
    return this.#endMs !== undefined;
  }

  /** The requests that its workers have served. */
  get calls(): bigint {
    return (this.#source?.usage ?? NO_USAGE).calls;
  }

  /** Returns the totals up to the present, or up to the end. */
  total(): BillReport {
    const heldNs = BigInt(Math.round(((this.#endMs ?? this.#nowMs()) - this.#startMs) * 1e6));
    const { computeNs, pollNs, calls } = this.#source?.usage ?? NO_USAGE;
    return {
      ...this.#about,
      heldNs: `${heldNs}`,
      computeNs: `${computeNs}`,
      pollNs: `${pollNs}`,
      calls: Number(calls),
    };
  }
}
