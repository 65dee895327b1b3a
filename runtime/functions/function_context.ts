/** What a function may know and do beside its argument. */

/** Of the lease that a function works for; what `init` gets. */
export interface LeaseContext {
  /** The lease's id. */
  readonly lease: string;
  /** The number of the worker that runs it, from 0. A call may name its worker, and so meets the same state again. */
  readonly worker: number;
  /**
   * Sends a line to the client, which sees it if it asked (`onLog` of {@linkcode LeaseOptions}). Lines beyond the
   * lease's rate are dropped and counted.
   */
  log(text: string): void;
}

/** Of one call. */
export interface FunctionContext extends LeaseContext {
  /** Milliseconds until the call's deadline; Infinity without one, 0 when it has passed or the call is over. */
  readonly timeLeftMs: number;
  /** Fires when the call was given up or its deadline has passed. A function that never awaits never sees it. */
  readonly signal: AbortSignal;
}
