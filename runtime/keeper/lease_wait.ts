/**
 * Waiting for capacity: at the resource manager, and again if the nodes that it named refuse, or the resource manager
 * restarts.
 */

import { delay } from "../../std/async.ts";
import { LeaseRefusedError, ManagerUnreachableError, NodeLostError } from "../errors.ts";
import { MAX_AVOIDED_NODES } from "../http/lease_api.ts";
import type { GrantedLease } from "./granted_lease.ts";
import type { KeptStartup } from "./lease_startup.ts";
import type { Reach } from "./reach_node.ts";

/** Between two attempts after all nodes with capacity refused: the resource manager learns why with their heartbeats. */
const RETRY_MS = 200;

/** Refusals of a node that may pass within a moment. */
const PASSING = new Set(["full", "draining", "too-late"]);

/**
 * Takes a lease as soon as there is capacity. If the nodes of a grant refuse, requests another grant at once that leaves
 * them out: other leases may have taken cores that were not reserved. If the resource manager cannot be reached, repeats
 * the same request: the response may have been lost.
 *
 * @throws the last refusal, with the time, after `waitMs`. Any other error at once: waiting does not help.
 */
export async function takeInTime(
  grantedLease: GrantedLease,
  reach: Reach,
  waitMs: number,
  signal: AbortSignal,
): Promise<KeptStartup> {
  const startMs = performance.now();
  /** The nodes that have refused since the last pause, and the last refusal. */
  const refusing = new Set<string>();
  let refusal: LeaseRefusedError | NodeLostError | undefined;
  let hasLapsed = false;
  while (true) {
    const attemptMs = performance.now();
    const leftMs = Math.max(0, Math.ceil(startMs + waitMs - attemptMs));
    const maxMs = refusal === undefined ? leftMs : 0;
    try {
      const startup = await grantedLease.take(reach, signal, maxMs, [...refusing]);
      return { ...startup, grantMs: startup.grantMs + attemptMs - startMs };
    } catch (error) {
      const mayRetry = startMs + waitMs > performance.now() + RETRY_MS;
      // The response was lost, and the resource manager was away for longer than a grant may be claimed.
      if (isOver(error)) {
        grantedLease.forget();
        if (!hasLapsed) {
          hasLapsed = true;
          continue;
        }
      }
      if (mayRetry && (error instanceof ManagerUnreachableError || isOver(error))) {
        await delay(RETRY_MS, { signal }).catch(() => signal.throwIfAborted());
        continue;
      }
      // Without a lease the refusal is the resource manager's. Without `avoid`, it has waited for the whole time.
      const isOfNode = grantedLease.lease !== "";
      const isLast = isOfNode ? !isPassing(error) : refusal === undefined || !isRefusal(error);
      if (isLast) throw error;
      const known = refusing.size;
      if (isOfNode) {
        refusal = error as LeaseRefusedError | NodeLostError;
        for (const node of grantedLease.refusing) refusing.add(node);
        grantedLease.forget();
      }
      if (refusing.size > known && refusing.size <= MAX_AVOIDED_NODES) continue;
      if (waitMs === 0) throw refusal;
      if (startMs + waitMs <= performance.now() + RETRY_MS) throw waitedFor(refusal!, waitMs);
    }
    refusing.clear();
    refusal = undefined;
    await delay(RETRY_MS, { signal }).catch(() => signal.throwIfAborted());
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof LeaseRefusedError;
}

/** The lease of a request that was repeated has lapsed meanwhile. */
function isOver(error: unknown): boolean {
  return error instanceof LeaseRefusedError && error.reason === "over";
}

function isPassing(error: unknown): error is LeaseRefusedError | NodeLostError {
  return error instanceof NodeLostError ||
    (error instanceof LeaseRefusedError && PASSING.has(error.reason));
}

function waitedFor(error: LeaseRefusedError | NodeLostError, waitMs: number): LeaseRefusedError {
  const reason = error instanceof LeaseRefusedError ? error.reason : "no-nodes";
  const message = `${error.message}, after a wait of ${waitMs} ms`;
  return new LeaseRefusedError(message, reason, { cause: error });
}
