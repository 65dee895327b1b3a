/** The steps of making a connection: each an event of rdma_cm that must come within a time limit. */

import type { CmEventName, TakenCmEvent } from "../../ffi/verbs/events.ts";
import { FabricError } from "../errors.ts";
import { MAX_PRIVATE_DATA_BYTES } from "../fabric.ts";

/** Reasons of a REJECTED event (enum ib_cm_rej_reason of the kernel's ib_cm.h). */
const REJ_INVALID_SERVICE_ID = 8;
const REJ_CONSUMER_DEFINED = 28;
const ECONNREFUSED = 111;

/** How long to wait, and what ends the wait. */
export interface StepLimits {
  /** On the clock of `performance.now()`. */
  readonly untilMs: number;
  /** For messages: the whole time that was given. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Events of one id that are awaited one after the other. */
export class CmSteps {
  readonly #what: string;
  readonly #events: TakenCmEvent[] = [];
  #taker: ((event: TakenCmEvent | undefined) => void) | undefined;

  /** @param what completes "Cannot …" in errors. */
  constructor(what: string) {
    this.#what = what;
  }

  /** The handler of the id's events. */
  readonly hear = (event: TakenCmEvent): void => {
    if (this.#taker) this.#taker(event);
    else this.#events.push(event);
  };

  /**
   * The next event, which must have this name.
   *
   * @throws {FabricError} when it is another one or time is up; the signal's reason.
   */
  async expect(name: CmEventName, limits: StepLimits): Promise<TakenCmEvent> {
    const event = await this.#next(limits);
    if (event === undefined) {
      throw new FabricError(
        `Cannot ${this.#what}: no answer within ${limits.timeoutMs} ms`,
        "timeout",
      );
    }
    if (event.name === name) return event;
    throw this.#failure(event);
  }

  async #next({ untilMs, signal }: StepLimits): Promise<TakenCmEvent | undefined> {
    signal?.throwIfAborted();
    const waiting = this.#events.shift();
    if (waiting) return waiting;
    const { promise, resolve, reject } = Promise.withResolvers<TakenCmEvent | undefined>();
    this.#taker = resolve;
    const timer = setTimeout(() => resolve(undefined), Math.max(0, untilMs - performance.now()));
    const abort = () => reject(signal!.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await promise;
    } finally {
      this.#taker = undefined;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  #failure({ name, status, privateData }: TakenCmEvent): FabricError {
    const cannot = `Cannot ${this.#what}:`;
    switch (name) {
      case "REJECTED":
        if (status === REJ_INVALID_SERVICE_ID || Math.abs(status) === ECONNREFUSED) {
          return new FabricError(`${cannot} nobody listens there`, "refused");
        }
        if (status === REJ_CONSUMER_DEFINED) {
          return new FabricError(`${cannot} the listener said no`, "rejected", {
            privateData: privateData.subarray(0, MAX_PRIVATE_DATA_BYTES),
          });
        }
        return new FabricError(`${cannot} the peer has given up (reason ${status})`, "peer");
      case "ADDR_ERROR":
      case "ROUTE_ERROR":
      case "UNREACHABLE":
        return new FabricError(
          `${cannot} the host can't be reached over RDMA (${name}, error ${-status})`,
          "refused",
        );
      case "DEVICE_REMOVAL":
        return new FabricError(`${cannot} the RDMA device was removed`, "unavailable");
      default:
        return new FabricError(`${cannot} ${name} (status ${status})`, "peer");
    }
  }
}
