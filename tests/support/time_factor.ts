/** How much slower this machine is than the hosts that limits of time were written for. The only place that reads it. */

/** 1 on a usual host; `deno task vm` sets RFAAS_TIME_FACTOR in its machines. */
export function timeFactor(): number {
  const text = Deno.env.get("RFAAS_TIME_FACTOR") || "1";
  const factor = Number(text);
  if (!(factor >= 1 && factor < 1000)) {
    throw new TypeError(`Cannot scale limits: RFAAS_TIME_FACTOR is "${text}", not 1 to 999`);
  }
  return factor;
}

/** A limit in milliseconds, as it is on a usual host. */
export function limitMs(ms: number): number {
  return ms * timeFactor();
}

/** A lease's term in seconds, of which taking it may need half: what is waited for is no longer than it must be. */
export function termSeconds(seconds: number): number {
  return Math.ceil(seconds * Math.max(1, timeFactor() / 2));
}

/** How often something is done that is done `count` times on a usual host. */
export function scaledCount(count: number, least = 1): number {
  return Math.max(least, Math.round(count / timeFactor()));
}
