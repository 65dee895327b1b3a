/** What a lease has of this node, from its admission to its end. */

import type { BillReport } from "../../runtime/http/bill_api.ts";

/** What its executors have done so far, in nanoseconds; it only grows. */
export interface Usage {
  readonly computeNs: bigint;
  readonly pollNs: bigint;
}

export interface MeteredLease {
  readonly lease: string;
  /** The node's id at the admission. */
  readonly node: string;
  readonly epoch: number;
  readonly workers: number;
  readonly memoryBytes: number;
  /** The admission on the resource manager's clock. */
  readonly sinceMs: number;
}

export class LeaseMeter {
  readonly lease: string;
  readonly #about: MeteredLease;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  #endMs: number | undefined;
  #source: { readonly usage: Usage } | undefined;

  /**
   * Begins to count.
   *
   * @param nowMs a monotonic clock with a fraction, in milliseconds. @default performance.now
   */
  constructor(about: MeteredLease, nowMs = () => performance.now()) {
    this.lease = about.lease;
    this.#about = about;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
  }

  /** Says where it learns what the lease's executors have done. */
  follow(source: { readonly usage: Usage }): void {
    this.#source = source;
  }

  /** The lease has ended: its totals grow no more. */
  end(): void {
    this.#endMs ??= this.#nowMs();
  }

  get ended(): boolean {
    return this.#endMs !== undefined;
  }

  /** Its totals up to now, or to its end. */
  total(): BillReport {
    const heldNs = BigInt(Math.round(((this.#endMs ?? this.#nowMs()) - this.#startMs) * 1e6));
    const { computeNs, pollNs } = this.#source?.usage ?? { computeNs: 0n, pollNs: 0n };
    return {
      ...this.#about,
      heldNs: `${heldNs}`,
      computeNs: `${computeNs}`,
      pollNs: `${pollNs}`,
    };
  }
}
