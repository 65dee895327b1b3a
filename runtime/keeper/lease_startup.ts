/** How long each step of taking a lease took. */

/** The steps of taking a lease, in their order and in milliseconds each. */
export interface LeaseStartup {
  /** `pooled`: every executor had booted before the lease; `cold`: one was booted for it. */
  readonly start: "cold" | "pooled";
  /** Bundling and hashing the function package. */
  readonly packageMs: number;
  /** The request to the resource manager, with the wait for capacity. */
  readonly grantMs: number;
  /** Connecting to the node, after other nodes have refused. */
  readonly reachMs: number;
  /** Admission: the node checks the grant, and reads the package if it does not have it. */
  readonly admitMs: number;
  /** Waiting for the executor's process. */
  readonly bootMs: number;
  /** Starting the workers, until they listen. */
  readonly startMs: number;
  /** Connecting to the workers, which load the package meanwhile, with the time that passes between threads. */
  readonly attachMs: number;
}

/** The steps that the keeper measures. */
export type KeptStartup = Omit<LeaseStartup, "packageMs" | "attachMs">;

/** @param tookMs the time of all steps but that of the package. */
export function completeStartup(
  kept: KeptStartup,
  packageMs: number,
  tookMs: number,
): LeaseStartup {
  const { grantMs, reachMs, admitMs, bootMs, startMs } = kept;
  const attachMs = Math.max(0, tookMs - grantMs - reachMs - admitMs - bootMs - startMs);
  return { ...kept, packageMs, attachMs };
}
