/** How long a message waits for a receive at the peer: in a device's terms. */

import { MAX_RECEIVER_NOT_READY_RETRIES, RECEIVER_NOT_READY_STEP_MS } from "./tuning.ts";

/** @param ms as in the connection's options. */
export function receiverNotReady(ms = 20): {
  /** Tries, in three bits; 7 is for ever. */
  readonly retries: number;
  /** How long the connection itself waits before it gives up; Infinity where the device does. */
  readonly patienceMs: number;
} {
  const retries = Math.max(1, Math.ceil(ms / RECEIVER_NOT_READY_STEP_MS));
  return retries <= MAX_RECEIVER_NOT_READY_RETRIES
    ? { retries, patienceMs: Infinity }
    : { retries: MAX_RECEIVER_NOT_READY_RETRIES + 1, patienceMs: ms };
}
