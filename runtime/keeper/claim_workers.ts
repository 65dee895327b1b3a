/** Claiming the workers of a lease on the candidates that the resource manager named. */

import type { NodeGrant } from "../manager_api.ts";

/** What came of it. */
export interface Claimed<T> {
  readonly held: readonly T[];
  /** Workers that nobody admitted. */
  readonly missing: number;
  /** The last refusal, if there was one. */
  readonly refusal: { readonly candidate: NodeGrant; readonly error: unknown } | undefined;
}

/**
 * Asks candidates in a random order until they have admitted as many workers as asked for: one that has room for all
 * that is missing alone, else as many at once as it takes, of which the last gets what is left. A refusal is followed by
 * the next candidate, without asking the resource manager again. A grant is used up by a claim for fewer workers, too.
 *
 * @param claim asks one candidate for so many workers.
 */
export async function claimWorkers<T>(
  candidates: readonly NodeGrant[],
  workers: number,
  claim: (candidate: NodeGrant, workers: number) => Promise<T>,
): Promise<Claimed<T>> {
  const left = shuffle(candidates);
  const held: T[] = [];
  let missing = workers;
  let refusal: Claimed<T>["refusal"];
  for (;;) {
    const round = nextRound(left, missing);
    if (round.length === 0) return { held, missing, refusal };
    const attempts = await Promise.allSettled(round.map((each) => claim(...each)));
    for (const [at, attempt] of attempts.entries()) {
      const [candidate, asked] = round[at]!;
      if (attempt.status === "rejected") refusal = { candidate, error: attempt.reason };
      else {
        held.push(attempt.value);
        missing -= asked;
      }
    }
  }
}

/** Takes those who are asked next out of the list; none if all that are left have too little. */
function nextRound(left: NodeGrant[], missing: number): [candidate: NodeGrant, workers: number][] {
  if (missing === 0) return [];
  const whole = left.findIndex(({ workers }) => workers >= missing);
  if (whole >= 0) return left.splice(whole, 1).map((candidate) => [candidate, missing]);
  if (left.reduce((sum, { workers }) => sum + workers, 0) < missing) return [];
  const round: [NodeGrant, number][] = [];
  for (let lacking = missing; lacking > 0;) {
    const candidate = left.shift()!;
    const workers = Math.min(candidate.workers, lacking);
    round.push([candidate, workers]);
    lacking -= workers;
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
