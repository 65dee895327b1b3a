/** Waiting for a promise, with a time limit and an abort signal. */

import { abortable } from "../std/async.ts";

/** Options of {@linkcode settleWithin}. */
export interface SettleOptions {
  /** The time limit in milliseconds. */
  readonly ms: number;
  /** Makes the error to throw at the time limit. */
  readonly timeoutError: () => Error;
  /** Ends the wait before. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Settles as `work` does, if that is in time. Other than `deadline()` of the standard library it leaves no timer behind,
 * and the caller chooses the error.
 *
 * @throws the error of `work`, that of `timeoutError`, or the signal's reason.
 */
export async function settleWithin<T>(
  work: Promise<T>,
  { ms, timeoutError, signal }: SettleOptions,
): Promise<T> {
  const expired = new AbortController();
  const timer = setTimeout(() => expired.abort(timeoutError()), ms);
  try {
    const either = signal ? AbortSignal.any([signal, expired.signal]) : expired.signal;
    return await abortable(work, either);
  } finally {
    clearTimeout(timer);
  }
}
