/** The wait for a reply that takes long: it yields, then sleeps, and checks the clock, the peer and the lease. */

import { nowMs } from "../../ffi/intrinsics.ts";
import {
  CLIENT_SLEEP_AFTER_MS,
  CLIENT_SLEEP_MS,
  CLIENT_YIELD_AFTER_MS,
  POLLS_PER_YIELD,
  PROBE_EVERY_MS,
} from "../policy.ts";
import type { CallHost } from "./call_host.ts";
import { type ClientSlot, LOST, POSTED } from "./client_slot.ts";
import type { WorkerSession } from "./worker_session.ts";

/**
 * Blocks until the call in the slot has its reply, or is lost.
 *
 * @returns Whether that was before its deadline.
 */
export function waitLong(
  host: Pick<CallHost, "live" | "onLost" | "yieldCore">,
  session: WorkerSession,
  slot: ClientSlot,
  deadlineMs: number,
): boolean {
  const { sharesCore } = session;
  const pollsPerYield = sharesCore ? 1 : POLLS_PER_YIELD;
  const yieldAfterMs = sharesCore ? 0 : CLIENT_YIELD_AFTER_MS;
  const sleepAfterMs = sharesCore ? 0 : CLIENT_SLEEP_AFTER_MS;
  const sinceMs = nowMs();
  let probedMs = 0;
  for (let polls = 1; slot.state === POSTED; polls++) {
    if (session.poll()) continue;
    if (polls % pollsPerYield !== 0) continue;
    const waitedMs = nowMs() - sinceMs;
    if (waitedMs > deadlineMs) return false;
    if (waitedMs < yieldAfterMs) continue;
    if (!sharesCore && session.leaveCore()) continue;
    if (waitedMs < sleepAfterMs) host.yieldCore();
    else {
      const leftMs = deadlineMs - waitedMs;
      session.connection.waitSync(leftMs < CLIENT_SLEEP_MS ? leftMs : CLIENT_SLEEP_MS);
    }
    if (waitedMs - probedMs < PROBE_EVERY_MS) continue;
    probedMs = waitedMs;
    if (host.live(session) && session.connection.probe()) continue;
    while (session.poll()); // a reply that arrived before the end counts
    if (slot.state === POSTED) host.onLost(session);
    // The node ends an executor that passes a deadline. A call that had no core until then fails by its deadline too.
    if ((slot.state as number) === LOST && nowMs() - sinceMs > deadlineMs) return false;
  }
  return true;
}
