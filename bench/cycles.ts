/** The cycle counter's rate. */

/** How long it is watched: performance.now() is off by a ten-thousandth of that at most. */
const WATCH_MS = 20;

/** Cycles in a microsecond, by performance.now(). Blocks for 20 ms. */
export function calibrateCycles(cycles: () => number): number {
  const beginMs = performance.now();
  const begin = cycles();
  let nowMs = beginMs;
  while (nowMs - beginMs < WATCH_MS) nowMs = performance.now();
  return (cycles() - begin) / ((nowMs - beginMs) * 1000);
}
