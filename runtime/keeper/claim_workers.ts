/** Claiming the workers of a lease on the candidates that the resource manager named. */

import type { NodeGrant } from "../http/manager_api.ts";

/** A candidate that did not admit a claim. */
export interface Refusal {
  readonly candidate: NodeGrant;
  readonly error: unknown;
}

/** The outcome of {@linkcode claimWorkers}. */
export interface Claimed<T> {
  readonly claims: readonly T[];
  /** How many workers no node admitted. */
  readonly missing: number;
  /** The refusals, in the order of their arrival. */
  readonly refusals: readonly Refusal[];
}

/**
 * Claims workers on candidates, in their order, until all are admitted: cores are reserved on the first ones. One
 * candidate that can serve all missing workers is tried alone; otherwise as many at once as it takes, the last of which
 * gets the rest. The next candidates follow a refusal at once, without another request to the resource manager: grants
 * have to be claimed in time, and the other claims may take long, since nodes start executors. A claim uses up its whole
 * grant, even for fewer workers.
 *
 * @param workerIndexes the workers to claim, by their numbers within the lease.
 * @param claim claims these workers on one candidate.
 */
export async function claimWorkers<T>(
  candidates: readonly NodeGrant[],
  workerIndexes: readonly number[],
  claim: (candidate: NodeGrant, workerIndexes: readonly number[]) => Promise<T>,
): Promise<Claimed<T>> {
  const untried = [...candidates];
  const refusals: Refusal[] = [];
  let missing = 0;
  const claimAll = async (indexes: readonly number[]): Promise<T[]> => {
    const round = missing > 0 ? [] : nextRound(untried, indexes);
    if (round.length === 0) missing += indexes.length;
    const claims = await Promise.all(round.map(async ([candidate, some]) => {
      try {
        return [await claim(candidate, some)];
      } catch (error) {
        refusals.push({ candidate, error });
        return await claimAll(some);
      }
    }));
    return claims.flat();
  };
  const claims = await claimAll(workerIndexes);
  return { claims, missing, refusals };
}

type Claim = readonly [candidate: NodeGrant, workerIndexes: readonly number[]];

/** Removes the next candidates from `untried`; none if all of them together have too few workers. */
function nextRound(untried: NodeGrant[], missing: readonly number[]): Claim[] {
  const whole = untried.findIndex(({ workers }) => workers >= missing.length);
  if (whole >= 0) return untried.splice(whole, 1).map((candidate) => [candidate, missing]);
  if (untried.reduce((sum, { workers }) => sum + workers, 0) < missing.length) return [];
  const round: Claim[] = [];
  for (let from = 0; from < missing.length;) {
    const candidate = untried.shift()!;
    const indexes = missing.slice(from, from + candidate.workers);
    round.push([candidate, indexes]);
    from += indexes.length;
  }
  return round;
}
