/** How a lease came about: where the time went. */

/** The start of a lease, in milliseconds each. The parts follow each other in this order. */
export interface LeaseStartup {
  /** `pooled`: an executor had booted before it was asked for; `cold`: it was booted for this lease. */
  readonly start: "cold" | "pooled";
  /** Bundling and hashing the function package. */
  readonly packageMs: number;
  /** The resource manager's answer, and the wait for room. */
  readonly grantMs: number;
  /** Connecting to the node, and refusals of nodes that were asked before it. */
  readonly reachMs: number;
  /** Admission: the grant's check, and the package if the node does not have it. */
  readonly admitMs: number;
  /** Until the node had a process. */
  readonly bootMs: number;
  /** Until the workers listened. */
  readonly startMs: number;
  /** Until they were connected and had loaded the package; what was lost between threads is in here, too. */
  readonly attachMs: number;
}

/** What the keeper knows of it. */
export type KeptStartup = Omit<LeaseStartup, "packageMs" | "attachMs">;

/** @param tookMs what all but the package took. */
export function completeStartup(
  kept: KeptStartup,
  packageMs: number,
  tookMs: number,
): LeaseStartup {
  const { grantMs, reachMs, admitMs, bootMs, startMs } = kept;
  const attachMs = Math.max(0, tookMs - grantMs - reachMs - admitMs - bootMs - startMs);
  return { ...kept, packageMs, attachMs };
}
