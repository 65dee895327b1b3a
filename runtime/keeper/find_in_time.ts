/** Repeated attempts to find something that may be there a moment later. */

import { delay } from "../../std/async.ts";

/** When {@linkcode findInTime} stops. */
export interface FindOptions {
  /** The last moment at which an attempt may begin, on the monotonic clock. */
  readonly untilMs: number;
  /** Between two attempts. */
  readonly retryMs: number;
  /** Ends the pause between two attempts, too. */
  readonly signal: AbortSignal;
}

/** The result of the first attempt that does not throw; `undefined` if there is none in time. */
export async function findInTime<T>(
  attempt: () => Promise<T>,
  { untilMs, retryMs, signal }: FindOptions,
): Promise<T | undefined> {
  while (!signal.aborted && performance.now() < untilMs) {
    try {
      return await attempt();
    } catch {
      await delay(retryMs, { signal }).catch(() => {}); // an abort ends the loop
    }
  }
  return undefined;
}
