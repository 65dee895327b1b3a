/** What a function receives beside its argument. */

/** The lease that a function works for. The hook `init` receives it. */
export interface LeaseContext {
  /** The lease's id. */
  readonly lease: string;
  /**
   * The index of the worker that runs the function, from 0. A call may name its worker, and so finds the state that an
   * earlier call left there.
   */
  readonly worker: number;
  /**
   * Sends a line to the client, which receives it with the option `onLog` of {@linkcode LeaseOptions}. Lines beyond the
   * lease's rate are dropped and counted.
   *
   * @param text The line, cut after 2,000 characters.
   */
  log(text: string): void;
}

/** One call of a function. */
export interface FunctionContext extends LeaseContext {
  /** The time until the call's deadline, in milliseconds: Infinity without one, 0 when it has passed or the call is over. */
  readonly timeLeftMs: number;
  /**
   * Fires when the client gives the call up, or its deadline passes. A function that never awaits does not see it.
   */
  readonly signal: AbortSignal;
  /**
   * The trace that the call is part of, in the form of the header `traceparent` (W3C Trace Context), if its caller records
   * one. Send it with the requests that the function makes. `undefined` once the call is over.
   */
  readonly traceparent: string | undefined;
}
