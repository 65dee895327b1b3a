/** The rate of the cycle counter. */

/** Duration of the calibration: the error of performance.now() is at most a ten-thousandth of it. */
const CALIBRATION_MS = 20;

/** Returns the cycles in a microsecond, by performance.now(). Blocks for 20 ms. */
export function calibrateCycles(cycles: () => number): number {
  const beginMs = performance.now();
  const begin = cycles();
  let nowMs = beginMs;
  while (nowMs - beginMs < CALIBRATION_MS) nowMs = performance.now();
  return (cycles() - begin) / ((nowMs - beginMs) * 1000);
}
