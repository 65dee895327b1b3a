/** What the calls of a lease need of it. */

import type { CallHost } from "../call/call_host.ts";
import { CallStats } from "../call/call_stats.ts";
import type { StreamHost } from "../call/stream_task.ts";
import type { WorkerSession } from "../call/worker_session.ts";
import { ExecutorLostError } from "../errors.ts";
import type { LeaseBackend, LeaseHost } from "./lease_backend.ts";
import { RetryPolicy } from "./retry_policy.ts";
import type { TraceHost } from "./traced_calls.ts";

/** What all calls of a lease need of it, with a slot of their own or without. */
export interface LeaseCallHost extends CallHost, StreamHost, TraceHost {
  /** Whether a function may run twice for one call. */
  isIdempotent(name: string): boolean;
}

export function callHost(state: LeaseBackend, host: LeaseHost): LeaseCallHost {
  const retry = new RetryPolicy(state, host.idempotent);
  return {
    maxBytes: host.maxBytes,
    stats: new CallStats(host.latency),
    sessionFor: (worker) => sessionFor(state, worker),
    onLost: (session) => state.lose(session),
    lossError: (name, slot, session) => state.lossErrorSync(name, slot, session),
    awaitLossReason: async (session) =>
      void await state.lossOf("", undefined, session, () => false),
    live: (session) => state.live(session),
    kick: () => host.pump.kick(),
    onFree: () => state.pool.serve(),
    yieldCore: host.yieldCore,
    submit: (task) => state.pool.submit(task),
    taskLost: retry.onLost,
    taskBusy: retry.onBusy,
    isIdempotent: (name) => retry.isIdempotent(name),
    nodeOf: (session) => state.nodeOf(session),
  };
}

function sessionFor(state: LeaseBackend, worker: number | undefined): WorkerSession {
  const { pool, overReason } = state;
  const session = worker === undefined ? pool.freest() : pool.session(worker);
  if (session && !overReason) return session;
  throw state.noWorkerError("a function", worker) ??
    new ExecutorLostError("Cannot call: the lease has no executor yet", "not-run");
}
