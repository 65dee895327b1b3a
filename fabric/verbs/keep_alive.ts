/**
 * Whether the peer still answers: a queue pair on which nothing is sent never learns that its link was cut.
 *
 * An idle connection sends a write of nothing now and then, which the peer's device has to acknowledge, whatever its
 * process does. The device gives up after its own retries and says so; who does not poll finds it by asking the kernel.
 */

import { nowMs } from "../../ffi/intrinsics.ts";
import type { CompletionQueue } from "./completion_queue.ts";
import type { Endpoint } from "./endpoint.ts";
import type { SendQueue } from "./send_queue.ts";
import { KEEP_ALIVE_MS } from "./tuning.ts";

export class KeepAlive {
  readonly #endpoint: Endpoint;
  readonly #sends: SendQueue;
  readonly #completions: CompletionQueue;
  readonly #patienceMs: number;
  #lookedMs = nowMs();
  /** When requests were last seen to get done, and how many by then. */
  #progressMs = 0;
  #done = -1;

  /**
   * @param patienceMs how long a message may wait for a receive, where the device itself would wait for ever; Infinity
   * where it does not.
   */
  constructor(
    endpoint: Endpoint,
    sends: SendQueue,
    completions: CompletionQueue,
    patienceMs: number,
  ) {
    this.#endpoint = endpoint;
    this.#sends = sends;
    this.#completions = completions;
    this.#patienceMs = patienceMs;
  }

  /** What to say of a peer that does not answer. */
  get noAnswer(): string {
    const { trouble } = this.#endpoint.device;
    return trouble === ""
      ? "the peer does not answer"
      : `the RDMA device can't be used: ${trouble}`;
  }

  /** Looks, at most once in {@linkcode KEEP_ALIVE_MS}, and asks if need be. Says why the connection is over, or "". */
  look(): string {
    const now = nowMs();
    if (now - this.#lookedMs < KEEP_ALIVE_MS) return "";
    this.#lookedMs = now;
    const { device } = this.#endpoint;
    device.look();
    this.#completions.gather();
    const { done, outstanding } = this.#sends;
    if (outstanding === 0) {
      this.#done = -1;
      this.#sends.postKeepAlive();
      return "";
    }
    if (done !== this.#done) {
      this.#done = done;
      this.#progressMs = now;
    }
    if (this.#endpoint.failed()) return this.noAnswer;
    return now - this.#progressMs > this.#patienceMs ? "the peer has posted no receive" : "";
  }
}
