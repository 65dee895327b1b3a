/** Waits with a time limit, scaled from an idle host to this machine under load. */

import { limitMs } from "./time_factor.ts";

/**
 * Waits until `holds()`.
 *
 * @param usualMs how long that may take on an idle host.
 * @returns how long it took, in milliseconds.
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: () => string,
  usualMs = 5000,
): Promise<number> {
  const boundMs = limitMs(usualMs);
  const sinceMs = performance.now();
  while (!await holds()) {
    if (performance.now() - sinceMs > boundMs) {
      throw new Error(`Cannot wait longer than ${boundMs} ms: not yet so: ${what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return performance.now() - sinceMs;
}

/** Waits for a promise, for at most `usualMs` on an idle host. */
export async function within<T>(usualMs: number, what: string, work: Promise<T>): Promise<T> {
  const boundMs = limitMs(usualMs);
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Cannot wait longer than ${boundMs} ms: ${what}`)),
    boundMs,
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
