/** An RDMA device as one thread sees it: its limits, and its events apart from the queues. */

import { ASYNC_EVENT_TYPE } from "../../ffi/verbs/constants.ts";
import { takeAsyncEvent } from "../../ffi/verbs/events.ts";
import type { Context } from "../../ffi/verbs/handles.ts";
import { checkContext } from "../../ffi/verbs/inline_verbs.ts";
import { DEVICE_ATTR } from "../../ffi/verbs/layout.ts";
import { asyncFd, makeNonBlocking } from "../../ffi/verbs/objects.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";
import { FabricError } from "../errors.ts";
import { READS_IN_FLIGHT } from "./tuning.ts";

interface Watched {
  readonly queuePair: bigint;
  readonly onFailed: (reason: string) => void;
}

/** A device that the connection manager has opened. */
export class Device {
  readonly context: Context;
  /** Reads and atomics that may be in flight at once. */
  readonly readsInFlight: number;
  /** Why it cannot be used, in a few words; empty while no event reported a failure. */
  trouble = "";
  readonly #verbs: Verbs;
  readonly #maxQueue: number;
  readonly #maxCompletions: number;
  #watched: readonly Watched[] = [];

  /**
   * @throws {FabricError} code `unavailable` when the device cannot be queried.
   * @throws {VerbsUnavailableError} code `symbol` when the library has another layout, or the driver lacks a verb.
   */
  constructor(verbs: Verbs, context: Context) {
    this.#verbs = verbs;
    this.context = context;
    checkContext(verbs.memory, context);
    makeNonBlocking(verbs.libc, asyncFd(verbs.memory, context));
    const attributes = new Uint8Array(DEVICE_ATTR.bytes);
    const errno = verbs.ibv.ibv_query_device(context, attributes);
    if (errno !== 0) {
      throw new FabricError(
        `Cannot query the RDMA device: error ${errno}`,
        "unavailable",
      );
    }
    const view = new DataView(attributes.buffer);
    this.#maxQueue = view.getInt32(DEVICE_ATTR.max_qp_wr, true);
    this.#maxCompletions = view.getInt32(DEVICE_ATTR.max_cqe, true);
    this.readsInFlight = Math.min(
      READS_IN_FLIGHT,
      view.getInt32(DEVICE_ATTR.max_qp_rd_atom, true),
      view.getInt32(DEVICE_ATTR.max_qp_init_rd_atom, true),
    );
  }

  /**
   * Checks the depths of a connection's queues.
   *
   * @throws {FabricError} code `range` when the device has less.
   */
  checkQueues(sends: number, receives: number): void {
    if (
      Math.max(sends, receives) <= this.#maxQueue && sends + receives <= this.#maxCompletions
    ) return;
    throw new FabricError(
      `Cannot make queues of ${sends} sends and ${receives} receives: the RDMA device allows ` +
        `${this.#maxQueue} each and ${this.#maxCompletions} completions`,
      "range",
    );
  }

  /** Calls `onFailed` when a queue pair fails, until the returned function is called. */
  watch(queuePair: bigint, onFailed: (reason: string) => void): () => void {
    const watched = { queuePair, onFailed };
    this.#watched = [...this.#watched, watched];
    return () => {
      const left: Watched[] = [];
      for (let i = 0; i < this.#watched.length; i++) {
        if (this.#watched[i] !== watched) left[left.length] = this.#watched[i]!;
      }
      this.#watched = left;
    };
  }

  /**
   * Takes the device's events. All threads of a process share its one queue, so an event may go to another thread.
   * Failures are reported by completions and by the connection manager as well; an event only adds the reason.
   */
  takeEvents(): void {
    for (;;) {
      const event = takeAsyncEvent(this.#verbs, this.context);
      if (event === undefined) return;
      const { type, text, element } = event;
      if (type === ASYNC_EVENT_TYPE.PORT_ERR) this.trouble = `port ${element} is down`;
      else if (type === ASYNC_EVENT_TYPE.PORT_ACTIVE) this.trouble = "";
      else if (type === ASYNC_EVENT_TYPE.DEVICE_FATAL) this.trouble = "it has failed";
      const all = type === ASYNC_EVENT_TYPE.DEVICE_FATAL;
      const one = type === ASYNC_EVENT_TYPE.QP_FATAL || type === ASYNC_EVENT_TYPE.QP_REQ_ERR ||
        type === ASYNC_EVENT_TYPE.QP_ACCESS_ERR;
      if (!all && !one) continue;
      const watched = this.#watched;
      for (let i = 0; i < watched.length; i++) {
        if (all || watched[i]!.queuePair === element) {
          watched[i]!.onFailed(`the device reported: ${text}`);
        }
      }
    }
  }
}
