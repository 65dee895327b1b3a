/** Waiting for room: with the resource manager, and again when nodes that it offered refuse. */

import { LeaseRefused, NodeLost } from "../errors.ts";
import type { KeptStartup } from "./lease_startup.ts";
import type { Reach } from "./reach_node.ts";
import type { Tenancy } from "./tenancy.ts";

/** Between two tries when nodes refused: the resource manager hears of them with their heartbeats only. */
const TRY_AGAIN_MS = 200;

/** What a node refuses with that may be otherwise a moment later. */
const PASSING = new Set(["full", "draining", "too-late"]);

/**
 * Takes a lease as soon as there is room.
 *
 * @throws the last refusal when `waitMs` are over, saying so; at once what waiting does not help against.
 */
export async function takeInTime(
  tenancy: Tenancy,
  reach: Reach,
  waitMs: number,
  signal: AbortSignal,
): Promise<KeptStartup> {
  const startMs = performance.now();
  while (true) {
    const triedMs = performance.now();
    const leftMs = Math.max(0, Math.ceil(startMs + waitMs - triedMs));
    try {
      const startup = await tenancy.take(reach, signal, leftMs);
      return { ...startup, grantMs: startup.grantMs + triedMs - startMs };
    } catch (error) {
      // Without a lease it was the resource manager that refused, which has waited for the whole time.
      if (waitMs === 0 || tenancy.lease === "" || !isPassing(error)) throw error;
      if (startMs + waitMs <= performance.now() + TRY_AGAIN_MS) throw waitedFor(error, waitMs);
    }
    tenancy.forget();
    await pause(TRY_AGAIN_MS, signal);
  }
}

function isPassing(error: unknown): error is LeaseRefused | NodeLost {
  return error instanceof NodeLost || (error instanceof LeaseRefused && PASSING.has(error.reason));
}

function waitedFor(error: LeaseRefused | NodeLost, waitMs: number): LeaseRefused {
  const reason = error instanceof LeaseRefused ? error.reason : "no-nodes";
  const message = `${error.message}, after a wait of ${waitMs} ms`;
  return new LeaseRefused(message, reason, { cause: error });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = () => resolve();
  signal.addEventListener("abort", wake, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", wake);
  signal.throwIfAborted();
}
