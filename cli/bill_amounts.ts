/** Amounts and costs of bills. Sums are exact; only printed numbers are rounded. */

import type { Bill, Prices } from "../runtime/http/bill_api.ts";

/** Amounts of one bill or several. */
export interface Amounts {
  readonly coreNs: bigint;
  /** Bytes times nanoseconds. */
  readonly byteNs: bigint;
  readonly computeNs: bigint;
  readonly pollNs: bigint;
}

export function amountsOf(bill: Bill): Amounts {
  const heldNs = BigInt(bill.heldNs);
  return {
    coreNs: heldNs * BigInt(bill.workers),
    byteNs: heldNs * BigInt(bill.memoryBytes),
    computeNs: BigInt(bill.computeNs),
    pollNs: BigInt(bill.pollNs),
  };
}

export function sumOf(all: readonly Amounts[]): Amounts {
  const sum = (key: keyof Amounts) => all.reduce((total, each) => total + each[key], 0n);
  return {
    coreNs: sum("coreNs"),
    byteNs: sum("byteNs"),
    computeNs: sum("computeNs"),
    pollNs: sum("pollNs"),
  };
}

/** Returns the cost, in the currency of the prices. */
export function costOf(amounts: Amounts, prices: Prices): number {
  const { coreSecond = 0, gibSecond = 0, computeSecond = 0, pollSecond = 0 } = prices;
  return seconds(amounts.coreNs) * coreSecond + gibSeconds(amounts) * gibSecond +
    seconds(amounts.computeNs) * computeSecond + seconds(amounts.pollNs) * pollSecond;
}

export function seconds(ns: bigint): number {
  return Number(ns) / 1e9;
}

export function gibSeconds({ byteNs }: Amounts): number {
  return Number(byteNs) / 2 ** 30 / 1e9;
}

/** Nanoseconds as seconds, with all nine digits after the point. */
export function secondsText(ns: bigint): string {
  return `${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, "0")}`;
}
