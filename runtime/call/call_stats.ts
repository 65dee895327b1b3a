/** What the calls of one lease came to. Hot calls that succeed add nothing here: their sessions count them. */

import { LatencyHistogram, type LatencyStats } from "./latency_histogram.ts";

/** What the calls of a lease came to, as {@linkcode Lease.stats} returns it. */
export interface LeaseStats {
  /** The calls that were sent to a worker. A stream is one call, and a retry is none. */
  readonly calls: number;
  /** The failed calls, also those that failed before a worker was free, by the name of their error, such as `DeadlineExceededError` or that of a signal's reason. */
  readonly errors: Readonly<Record<string, number>>;
  /** How often a call was sent again, since its executor was lost, or all cores of its node were busy. */
  readonly retries: number;
  /** How often a part of the lease moved to another node. */
  readonly moves: number;
  /** How long calls took; only with the option `latency`. */
  readonly latency?: LatencyStats;
}

export class CallStats {
  /** Requests that were sent and begin no call: retries, chunks of streams. */
  #others = 0;
  #retries = 0;
  readonly #errors = new Map<string, number>();
  /** Undefined unless latencies are recorded. */
  readonly latency: LatencyHistogram | undefined;

  constructor(hasLatency: boolean) {
    this.latency = hasLatency ? new LatencyHistogram() : undefined;
  }

  /** Counts the failure of a call. @returns the error, to be thrown. */
  failed<E>(error: E): E {
    const name = error instanceof Error || error instanceof DOMException ? error.name : "other";
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1);
    return error;
  }

  /** A call is sent for the second time or later. */
  retried(): void {
    this.#retries++;
    this.#others++;
  }

  /** A stream requests its next chunk. */
  continued(): void {
    this.#others++;
  }

  /** @param sent The requests that were sent to workers. */
  read(sent: number, moves: number): LeaseStats {
    return {
      calls: sent - this.#others,
      errors: Object.fromEntries(this.#errors),
      retries: this.#retries,
      moves,
      ...(this.latency === undefined ? {} : { latency: this.latency.read() }),
    };
  }
}
