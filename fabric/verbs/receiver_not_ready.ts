/** Converts the time that a message waits for a receive at the peer to the settings of a device. */

import { MAX_RECEIVER_NOT_READY_RETRIES, RECEIVER_NOT_READY_STEP_MS } from "./tuning.ts";

/** @param ms `receiverNotReadyMs` of the connection's options. */
export function receiverNotReady(ms = 20): {
  /** Retries, in three bits; 7 means without a limit. */
  readonly retries: number;
  /** After how long the connection itself gives up; Infinity where the device does. */
  readonly maxWaitMs: number;
} {
  const retries = Math.max(1, Math.ceil(ms / RECEIVER_NOT_READY_STEP_MS));
  return retries <= MAX_RECEIVER_NOT_READY_RETRIES
    ? { retries, maxWaitMs: Infinity }
    : { retries: MAX_RECEIVER_NOT_READY_RETRIES + 1, maxWaitMs: ms };
}
