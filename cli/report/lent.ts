/** What nodes had to lend in a period, and how much of it was leased. */

import type { Bill } from "../../runtime/http/bill_api.ts";
import type { LentHour } from "../../runtime/http/manager_api.ts";
import { leasedIn, type Period } from "./leased.ts";

export interface Lent {
  /** From then on it was counted. */
  readonly sinceMs: number;
  /** Cores times nanoseconds. */
  readonly coreNs: bigint;
  /** What of it was leased, by the bills. */
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
  const parts = hours.map(({ fromMs, untilMs, coreMs }) => {
    const sinceMs = Math.max(fromMs, period.sinceMs);
    const share = (Math.min(untilMs, period.untilMs) - sinceMs) / (untilMs - fromMs);
    return { sinceMs, share, coreMs };
  }).filter(({ share }) => share > 0);
  if (parts.length === 0) return undefined;
  const coreMs = parts.reduce((sum, { share, coreMs }) => sum + share * coreMs, 0);
  const { sinceMs } = parts[0]!;
  const leased = leasedIn({ ...period, sinceMs }, bills);
  return {
    sinceMs,
    coreNs: BigInt(Math.round(coreMs)) * 1_000_000n,
    leasedNs: leased.reduce((sum, { coreNs }) => sum + coreNs, 0n),
  };
}
