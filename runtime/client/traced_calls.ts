/** The interface between a lease and its traced calls. */

import type { StreamTask } from "../call/stream_task.ts";
import type { WaitingCall } from "../call/waiting_call.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/** What the spans of calls need of the lease. */
export interface TraceHost {
  /** The name of the session's node. */
  nodeOf(session: WorkerSession): string;
}

/** A call with a span. */
export interface TracedCall {
  /** Ends the span with the call. */
  during<T>(result: Promise<T>): Promise<T>;
}

/** The calls of a lease where traces are recorded. The types of the package end here. */
export interface TracedCalls {
  /** Begins the span of a call that is not sent yet, and sets its trace. Undefined if it has no span. */
  begin(host: TraceHost, task: WaitingCall): TracedCall | undefined;
  /** Iterates over the chunks of a stream. `open` is called at the begin of the iteration. */
  stream(
    host: TraceHost,
    open: () => StreamTask,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>;
}
