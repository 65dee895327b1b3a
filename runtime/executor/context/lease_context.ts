/** What functions can read of their lease, and the hooks that run at its beginning and at its end. */

import { DISPOSE_MS } from "../../policy.ts";
import type { LeaseContext } from "../../functions/function_context.ts";
import type { Hook } from "../package/load_package.ts";
import type { LogGate } from "./log_gate.ts";
import type { WorkerTask } from "../worker_task.ts";

// Bound before foreign code loads.
const setTimer = setTimeout;
const Wait = Promise;

/**
 * Makes the context that hooks receive, and that contexts of calls extend.
 *
 * @param gate limits and sends the lines that functions log; there is none if the client has no `onLog`.
 */
export function leaseContext(
  task: WorkerTask,
  gate: LogGate | undefined,
): LeaseContext {
  return Object.freeze({
    __proto__: null,
    lease: task.lease,
    worker: task.worker,
    log: (text: string) => gate?.log(text, "info"),
  }) as unknown as LeaseContext;
}

/** Runs the hook `dispose` and awaits it, for {@linkcode DISPOSE_MS} at most. The lease is over: what it throws is dropped. */
export async function runDispose(dispose: Hook, lease: LeaseContext): Promise<void> {
  await new Wait<void>((resolve) => {
    setTimer(resolve, DISPOSE_MS);
    (async () => {
      try {
        await dispose(lease);
      } catch { /* there is no client to send it to */ }
      resolve();
    })();
  });
}
