/** How much slower this machine is than the hosts that time limits are written for. */

/** 1 on a usual host; `deno task vm` sets RFAAS_TIME_FACTOR in its machines. Only this function reads it. */
export function timeFactor(): number {
  const text = Deno.env.get("RFAAS_TIME_FACTOR") || "1";
  const factor = Number(text);
  if (!(factor >= 1 && factor < 1000)) {
    throw new TypeError(
      `Cannot scale limits: expected 1 to 999 in RFAAS_TIME_FACTOR, got "${text}"`,
    );
  }
  return factor;
}

/**
 * How much longer a limit is than what an idle host needs. The suite runs three test files at a time on two cores, each with
 * several processes. A limit ends a test that has failed; one that passes does not wait for it.
 */
const LOADED = 4;

/** Scales a limit for an idle host, in milliseconds: of a wait, or of a time that a test measures. */
export function limitMs(ms: number): number {
  return ms * Math.max(LOADED, timeFactor());
}

/** Scales a time that a test lasts: a deadline or a pause that has to pass. */
export function lastingMs(ms: number): number {
  return ms * timeFactor();
}

/** Scales down a number of repetitions for a usual host, to at least `least`. */
export function scaledCount(count: number, least = 1): number {
  return Math.max(least, Math.round(count / timeFactor()));
}
