/** What nodes had to lend in a period, and how much of it was leased. */

import type { Bill } from "../../runtime/http/bill_api.ts";
import type { LentHour } from "../../runtime/http/manager_api.ts";
import { leasedIn, type Period } from "./leased.ts";

export interface Lent {
  /** From then on it was counted. */
  readonly sinceMs: number;
  /** Cores times nanoseconds. */
  readonly coreNs: bigint;
  /** What of it was leased, by the bills. Times that were not counted are left out. */
  readonly leasedNs: bigint;
}

/**
 * @param hours those that are in the period, in part or whole, oldest first. Of one in part, its share counts.
 * @returns undefined if nothing was counted.
 */
export function lentIn(
  period: Period,
  hours: readonly LentHour[],
  bills: readonly Bill[],
): Lent | undefined {
  const parts = hours.map((hour) => {
    const sinceMs = Math.max(hour.fromMs, period.sinceMs);
    const untilMs = Math.min(hour.untilMs, period.untilMs);
    const share = (untilMs - sinceMs) / (hour.untilMs - hour.fromMs);
    return { sinceMs, untilMs, share, coreMs: hour.coreMs };
  }).filter(({ share }) => share > 0);
  if (parts.length === 0) return undefined;
  const coreMs = parts.reduce((sum, { share, coreMs }) => sum + share * coreMs, 0);
  const { sinceMs } = parts[0]!;
  const leased = withoutGaps(parts).flatMap((counted) => leasedIn(counted, bills));
  return {
    sinceMs,
    coreNs: BigInt(Math.round(coreMs)) * 1_000_000n,
    leasedNs: leased.reduce((sum, { coreNs }) => sum + coreNs, 0n),
  };
}

/** Joins those that follow each other without a gap. */
function withoutGaps(parts: readonly Period[]): Period[] {
  const joined: Period[] = [];
  for (const { sinceMs, untilMs } of parts) {
    const last = joined.at(-1);
    if (last?.untilMs === sinceMs) joined.splice(-1, 1, { sinceMs: last.sinceMs, untilMs });
    else joined.push({ sinceMs, untilMs });
  }
  return joined;
}
