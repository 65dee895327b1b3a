/** What was leased in a period, by the bills. */

import type { Bill } from "../../runtime/http/bill_api.ts";

/** A period on the resource manager's clock, in milliseconds since 1970, without its end. */
export interface Period {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** What the leases of one client under one account held in a period. */
export interface Leased {
  /** Null: the client's token had none. */
  readonly account: string | null;
  readonly client: string;
  /** Leases that held a core in the period. */
  readonly leases: number;
  /** Cores times nanoseconds. */
  readonly coreNs: bigint;
}

/** @returns by account, then by client; those without an account are the last. */
export function leasedIn({ sinceMs, untilMs }: Period, bills: readonly Bill[]): Leased[] {
  const parts = bills.flatMap((bill) => {
    const fromNs = larger(nanoseconds(bill.sinceMs), nanoseconds(sinceMs));
    const toNs = smaller(endOf(bill), nanoseconds(untilMs));
    return toNs <= fromNs ? [] : [{ bill, coreNs: (toNs - fromNs) * BigInt(bill.workers) }];
  });
  const groups = Map.groupBy(parts, ({ bill }) => JSON.stringify([bill.account, bill.client]));
  const leased = [...groups.values()].map((group): Leased => ({
    account: group[0]!.bill.account ?? null,
    client: group[0]!.bill.client,
    leases: new Set(group.map(({ bill }) => bill.lease)).size,
    coreNs: group.reduce((sum, { coreNs }) => sum + coreNs, 0n),
  }));
  return leased.sort((a, b) => {
    const [one, other] = a.account === b.account ? [a.client, b.client] : [a.account, b.account];
    return one === null ? 1 : other === null || one < other ? -1 : 1;
  });
}

/** When the lease had held the node for as long as the bill has, in nanoseconds since 1970. */
export function endOf({ sinceMs, heldNs }: Bill): bigint {
  return nanoseconds(sinceMs) + BigInt(heldNs);
}

export function nanoseconds(ms: number): bigint {
  return BigInt(ms) * 1_000_000n;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
