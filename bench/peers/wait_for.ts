/** Waits for servers. */

import { delay } from "@std/async";

/** Timeout for a server to listen. */
const TIMEOUT_MS = 10_000;
const ATTEMPT_EVERY_MS = 20;

/** Repeats an attempt until it succeeds. @throws {Error} After the timeout, with the last error as its cause. */
export async function waitFor<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + TIMEOUT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      if (performance.now() > untilMs) {
        throw new Error(`Cannot reach ${what} within ${TIMEOUT_MS} ms`, { cause });
      }
    }
    await delay(ATTEMPT_EVERY_MS);
  }
}
