/** How a worker receives requests and sends replies: by lines in shared memory, or by messages over a network. */

import type { WorkerSlot } from "./worker_slot.ts";

/** The requests of one connection. */
export interface Requests {
  /**
   * The fields of the request that was taken last. They were read once each, since the client may change them, and are
   * not checked.
   */
  readonly functionIndex: number;
  /** The bytes of the argument; -1 if the request is malformed. */
  readonly length: number;
  /** Whether the argument is in the slot's line. */
  readonly inlined: boolean;
  /** Why no more requests can be taken; empty while they can. */
  readonly broken: string;
  /**
   * Takes the next request that has its slot's next sequence number.
   *
   * @returns the index of its slot, -1 if there is none.
   */
  take(slots: readonly WorkerSlot[]): number;
  /** Checks, once every many polls, what a poll does not. */
  look(): void;
  /** Sends the reply to the last request of a slot. */
  reply(slot: WorkerSlot, index: number, status: number, length: number): void;
}

/** The reason for {@linkcode Requests.broken} if the client sends anything else. */
export const NO_CALL = "the client sent a message that is not a call";
