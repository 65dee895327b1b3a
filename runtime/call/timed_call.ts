/** A prepared call whose time is recorded. A class of its own, so that a call without records has no step more. */

import { nowMs } from "../../ffi/intrinsics.ts";
import type { CallHost } from "./call_host.ts";
import type { LatencyHistogram } from "./latency_histogram.ts";
import type { PreparedCallOptions, PrepareOptions } from "./prepare_options.ts";
import { PreparedCall } from "./prepared_call.ts";

export class TimedCall extends PreparedCall {
  readonly #latency: LatencyHistogram;
  #startMs = 0;

  constructor(host: CallHost, name: string, options: PrepareOptions, latency: LatencyHistogram) {
    super(host, name, options);
    this.#latency = latency;
  }

  override start(length?: number, options?: PreparedCallOptions): void {
    const startMs = nowMs();
    super.start(length, options);
    this.#startMs = startMs;
  }

  override finish(): number {
    const length = super.finish();
    this.#latency.record(nowMs() - this.#startMs);
    return length;
  }
}
