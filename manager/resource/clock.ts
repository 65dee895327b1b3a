import { keepSeenMs } from "./policy.ts";

/**
 * A clock in milliseconds since 1970 that never runs backwards and does not jump with the host's
 * clock: it is set once and then counts. All times in grants are of this clock.
 *
 * @param latestMs the latest time that the state tells of. If the host's clock is behind that, it was set back
 * since: the clock then starts so much later as the state may be old, so that no lease that was over runs again.
 */
export function steadyClock(latestMs: number): () => number {
  const hostMs = Date.now();
  const startMs = hostMs < latestMs ? latestMs + keepSeenMs : hostMs;
  const originMs = startMs - performance.now();
  return () => Math.floor(originMs + performance.now());
}
