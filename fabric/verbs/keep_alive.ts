/**
 * Checks that the peer still answers: a queue pair that sends nothing does not notice that its link was cut.
 *
 * An idle connection sends an empty write now and then, which the peer's device acknowledges whatever its process does.
 * The device fails the write after its own retries. An end that does not poll finds the failure by a system call.
 */

import { nowMs } from "../../ffi/intrinsics.ts";
import type { CompletionQueue } from "./completion_queue.ts";
import type { Endpoint } from "./endpoint.ts";
import type { SendQueue } from "./send_queue.ts";
import { KEEP_ALIVE_MS } from "./tuning.ts";

/** The check of one connection. */
export class KeepAlive {
  readonly #endpoint: Endpoint;
  readonly #sends: SendQueue;
  readonly #completions: CompletionQueue;
  readonly #maxWaitMs: number;
  #checkedMs = nowMs();
  /** When a check last saw progress, and the count of completed requests then. */
  #progressMs = 0;
  #done = -1;

  /**
   * @param maxWaitMs how long a message may wait for a receive where the device itself waits without a limit;
   * Infinity where the device has the limit.
   */
  constructor(
    endpoint: Endpoint,
    sends: SendQueue,
    completions: CompletionQueue,
    maxWaitMs: number,
  ) {
    this.#endpoint = endpoint;
    this.#sends = sends;
    this.#completions = completions;
    this.#maxWaitMs = maxWaitMs;
  }

  /** The reason of a connection whose peer does not answer. */
  get noAnswer(): string {
    const { trouble } = this.#endpoint.device;
    return trouble === ""
      ? "the peer does not answer"
      : `the RDMA device cannot be used: ${trouble}`;
  }

  /**
   * Checks the connection, at most once in {@linkcode KEEP_ALIVE_MS}, and sends an empty write if it is idle.
   *
   * @returns why the connection is over, or "".
   * @throws {FabricError} code `state` when the completion queue has failed or the device refuses the write.
   */
  check(): string {
    const now = nowMs();
    if (now - this.#checkedMs < KEEP_ALIVE_MS) return "";
    this.#checkedMs = now;
    const { device } = this.#endpoint;
    device.takeEvents();
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
    return now - this.#progressMs > this.#maxWaitMs ? "the peer has posted no receive" : "";
  }
}
