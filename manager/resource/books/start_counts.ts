/** How many leases started in each of the last minutes, by the time that it took: in one array, whose size is fixed. */
import { SHOWN_START_MINUTES } from "../policy.ts";

/** The greatest time of each bucket but the last one, which has all longer ones. */
export const START_BOUNDS_MS: readonly number[] = [1, 10, 100, 1000, 10_000]
  .flatMap((power) => [power, 2 * power, 5 * power]);

const BUCKETS = START_BOUNDS_MS.length + 1;
const COLUMN = 2 * BUCKETS;
const MINUTE_MS = 60_000;

/** The leases that started in one minute, by bucket. */
export interface StartColumn {
  /** Whole minutes since 1970. */
  readonly minute: number;
  readonly pooled: readonly number[];
  readonly cold: readonly number[];
}

/** Counts starts. A minute that is over stays until {@linkcode SHOWN_START_MINUTES} others have begun. */
export class StartCounts {
  readonly #counts = new Uint32Array(SHOWN_START_MINUTES * COLUMN);
  /** The newest minute that was counted or read. */
  #newest = -SHOWN_START_MINUTES;

  /** Counts one start, in the newest minute if the clock was set back. */
  record(nowMs: number, kind: "pooled" | "cold", durationMs: number): void {
    this.#advance(nowMs);
    const bound = START_BOUNDS_MS.findIndex((boundMs) => durationMs <= boundMs);
    const bucket = bound < 0 ? BUCKETS - 1 : bound;
    this.#counts[offsetOf(this.#newest) + (kind === "pooled" ? 0 : BUCKETS) + bucket]!++;
  }

  /** The minutes in which leases started, oldest first. */
  columns(nowMs: number): StartColumn[] {
    this.#advance(nowMs);
    const columns: StartColumn[] = [];
    for (let back = SHOWN_START_MINUTES - 1; back >= 0; back--) {
      const minute = this.#newest - back;
      const from = offsetOf(minute);
      const counts = this.#counts.subarray(from, from + COLUMN);
      if (counts.every((count) => count === 0)) continue;
      const [pooled, cold] = [counts.subarray(0, BUCKETS), counts.subarray(BUCKETS)];
      columns.push({ minute, pooled: [...pooled], cold: [...cold] });
    }
    return columns;
  }

  #advance(nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    const first = Math.max(this.#newest + 1, minute - SHOWN_START_MINUTES + 1);
    for (let begun = first; begun <= minute; begun++) {
      const from = offsetOf(begun);
      this.#counts.fill(0, from, from + COLUMN);
    }
    this.#newest = Math.max(this.#newest, minute);
  }
}

function offsetOf(minute: number): number {
  const at = minute % SHOWN_START_MINUTES;
  return (at < 0 ? at + SHOWN_START_MINUTES : at) * COLUMN;
}
