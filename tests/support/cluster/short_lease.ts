/** Leases with a term that is short for the test's sake. */

import type { Lease } from "../../../runtime/client/lease.ts";
import { LeaseOverError, LeaseRefusedError } from "../../../runtime/errors.ts";

/** A lease and the term that it was taken with. */
export interface ShortLease {
  readonly lease: Lease;
  readonly termMs: number;
}

/**
 * Takes a lease of the shortest term, twice as long each time, of which at least half is left when the lease is there.
 * On a host under load, executors take seconds to boot.
 *
 * @param termMs the first term to try.
 */
export async function shortLease(
  take: (termMs: number) => Promise<Lease>,
  termMs: number,
): Promise<ShortLease> {
  for (;; termMs *= 2) {
    const lease = await take(termMs).catch(refusedAsOver);
    if (lease !== undefined && lease.expires.getTime() - Date.now() >= termMs / 2) {
      return { lease, termMs };
    }
    await lease?.close();
  }
}

/** The term has ended before the lease was there. */
function refusedAsOver(error: unknown): undefined {
  const isOver = error instanceof LeaseOverError ||
    (error instanceof LeaseRefusedError && error.message.endsWith("its term is over"));
  if (!isOver) throw error;
}
