/** Claiming the workers of a lease on the candidates that the resource manager named. */

import type { NodeGrant } from "../http/manager_api.ts";

/** What came of it. */
export interface Claimed<T> {
  readonly held: readonly T[];
  /** How many workers nobody admitted. */
  readonly missing: number;
  /** The last refusal, if there was one. */
  readonly refusal: { readonly candidate: NodeGrant; readonly error: unknown } | undefined;
}

/**
 * Asks candidates in a random order until they have admitted as many workers as asked for: one that has room for all
 * that is missing alone, else as many at once as it takes, of which the last gets what is left. A refusal is followed by
 * the next candidate, without asking the resource manager again. A grant is used up by a claim for fewer workers, too.
 *
 * @param places the places of the workers in their lease.
 * @param claim asks one candidate for workers at these places.
 */
export async function claimWorkers<T>(
  candidates: readonly NodeGrant[],
  places: readonly number[],
  claim: (candidate: NodeGrant, places: readonly number[]) => Promise<T>,
): Promise<Claimed<T>> {
  const left = shuffle(candidates);
  const held: T[] = [];
  let missing = [...places];
  let refusal: Claimed<T>["refusal"];
  for (;;) {
    const round = nextRound(left, missing);
    if (round.length === 0) return { held, missing: missing.length, refusal };
    missing = [];
    const attempts = await Promise.allSettled(round.map((each) => claim(...each)));
    for (const [at, attempt] of attempts.entries()) {
      const [candidate, asked] = round[at]!;
      if (attempt.status === "fulfilled") held.push(attempt.value);
      else {
        refusal = { candidate, error: attempt.reason };
        missing.push(...asked);
      }
    }
  }
}

type Claim = readonly [candidate: NodeGrant, places: readonly number[]];

/** Takes those who are asked next out of the list; none if all that are left have too little. */
function nextRound(left: NodeGrant[], missing: readonly number[]): Claim[] {
  if (missing.length === 0) return [];
  const whole = left.findIndex(({ workers }) => workers >= missing.length);
  if (whole >= 0) return left.splice(whole, 1).map((candidate) => [candidate, missing]);
  if (left.reduce((sum, { workers }) => sum + workers, 0) < missing.length) return [];
  const round: Claim[] = [];
  for (let from = 0; from < missing.length;) {
    const candidate = left.shift()!;
    const places = missing.slice(from, from + candidate.workers);
    round.push([candidate, places]);
    from += places.length;
  }
  return round;
}

function shuffle<T>(items: readonly T[]): T[] {
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled;
}
