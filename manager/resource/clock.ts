/**
 * A clock in milliseconds since 1970 that never runs backwards and does not jump with the host's
 * clock: it is set once and then counts. All times in grants are of this clock.
 *
 * @param startMs the earliest time it may show: the latest that the state tells of, so that it does
 * not fall behind what was promised before a restart.
 */
export function steadyClock(startMs: number): () => number {
  const originMs = Math.max(Date.now(), startMs) - performance.now();
  return () => Math.floor(originMs + performance.now());
}
