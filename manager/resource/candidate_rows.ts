/** Candidates by the time until which they may be claimed. */
import type { AllocationRow } from "./store.ts";

/** Candidates within so many milliseconds of each other lie together: some tens of heaps to look at. */
const spanMs = 100;

/** Candidates, so that those which have lapsed are found without looking at all. */
export class CandidateRows {
  readonly #spans = new Map<number, Set<AllocationRow>>();

  /** Forgets one row of an allocation and notes another, as far as they are candidates. */
  replace(before: AllocationRow | undefined, after: AllocationRow | undefined): void {
    if (before?.state === "candidate") {
      const span = this.#spans.get(spanOf(before));
      span?.delete(before);
      if (span?.size === 0) this.#spans.delete(spanOf(before));
    }
    if (after?.state === "candidate") {
      const span = this.#spans.get(spanOf(after));
      if (span === undefined) this.#spans.set(spanOf(after), new Set([after]));
      else span.add(after);
    }
  }

  /** Those whose `claimByMs` is before `nowMs`. */
  before(nowMs: number): AllocationRow[] {
    const found: AllocationRow[] = [];
    for (const [start, rows] of this.#spans) {
      if (start * spanMs >= nowMs) continue;
      for (const row of rows) if (row.claimByMs < nowMs) found.push(row);
    }
    return found;
  }
}

function spanOf(row: AllocationRow): number {
  return Math.floor(row.claimByMs / spanMs);
}
