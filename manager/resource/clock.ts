import { KEEP_SEEN_MS } from "./policy.ts";

/**
 * A clock in milliseconds since 1970 that never runs backwards and does not follow jumps of the host's clock: it is set
 * once and then counts. All times in grants are times of this clock.
 *
 * @param latestMs the latest time in the stored state. If the host's clock is behind it, that clock was set back, or that
 * of an earlier leader was ahead. This clock then starts after it by the age that the state may have, so that no lease
 * that ended runs again.
 * @param ageMs how much later than `latestMs` the last issued time may be.
 */
export function steadyClock(latestMs: number, ageMs = KEEP_SEEN_MS): () => number {
  const hostMs = Date.now();
  const startMs = hostMs < latestMs ? latestMs + ageMs : hostMs;
  const originMs = startMs - performance.now();
  return () => Math.floor(originMs + performance.now());
}
