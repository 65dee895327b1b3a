/** The steps of making a connection: each is an event of rdma_cm that must arrive within a time limit. */

import type { CmEventName, TakenCmEvent } from "../../ffi/verbs/events.ts";
import { FabricError } from "../errors.ts";
import { MAX_PRIVATE_DATA_BYTES } from "../fabric.ts";

/** Reasons of a REJECTED event (enum ib_cm_rej_reason of the kernel's ib_cm.h). */
const REJ_INVALID_SERVICE_ID = 8;
const REJ_CONSUMER_DEFINED = 28;
const ECONNREFUSED = 111;

/** The limits of a wait. */
export interface StepLimits {
  /** The end of the wait, on the clock of `performance.now()`. */
  readonly untilMs: number;
  /** The whole time of the handshake, for messages. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The events of one id, awaited one after the other. */
export class CmSteps {
  readonly #operation: string;
  readonly #events: TakenCmEvent[] = [];
  #taker: ((event: TakenCmEvent | undefined) => void) | undefined;

  /** @param operation completes "Cannot …" in errors. */
  constructor(operation: string) {
    this.#operation = operation;
  }

  /** The handler of the id's events. */
  readonly onEvent = (event: TakenCmEvent): void => {
    if (this.#taker) this.#taker(event);
    else this.#events.push(event);
  };

  /**
   * Waits for the next event, which must have this name.
   *
   * @throws {FabricError} code `timeout`; for another event `refused`, `rejected`, `peer` or `unavailable`.
   * @throws the signal's reason when it is aborted.
   */
  async expect(name: CmEventName, limits: StepLimits): Promise<TakenCmEvent> {
    const event = await this.#next(limits);
    if (event === undefined) {
      throw new FabricError(
        `Cannot ${this.#operation}: no answer within ${limits.timeoutMs} ms`,
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
    const cannot = `Cannot ${this.#operation}:`;
    switch (name) {
      case "REJECTED":
        if (status === REJ_INVALID_SERVICE_ID || Math.abs(status) === ECONNREFUSED) {
          return new FabricError(`${cannot} no listener at this address`, "refused");
        }
        if (status === REJ_CONSUMER_DEFINED) {
          return new FabricError(`${cannot} the listener rejected the request`, "rejected", {
            privateData: privateData.subarray(0, MAX_PRIVATE_DATA_BYTES),
          });
        }
        return new FabricError(`${cannot} the peer has given up (reason ${status})`, "peer");
      case "ADDR_ERROR":
      case "ROUTE_ERROR":
      case "UNREACHABLE":
        return new FabricError(
          `${cannot} the host cannot be reached over RDMA (${name}, error ${-status})`,
          "refused",
        );
      case "DEVICE_REMOVAL":
        return new FabricError(`${cannot} the RDMA device was removed`, "unavailable");
      default:
        return new FabricError(`${cannot} ${name} (status ${status})`, "peer");
    }
  }
}
