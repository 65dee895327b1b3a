/** Sums of bills by client or by account. */

import { stringify } from "@std/csv";
import type { Bill, BillList, Prices } from "../runtime/http/bill_api.ts";
import {
  type Amounts,
  amountsOf,
  costOf,
  gibSeconds,
  seconds,
  secondsText,
  sumOf,
} from "./bill_amounts.ts";
import { table } from "./table.ts";

/** What a sum has one line for. */
export type SumKey = "client" | "account";

/** The sum of the bills of one client or account. */
export interface BillSum {
  /** Null: the bills of leases whose tokens had no account. */
  readonly name: string | null;
  readonly leases: number;
  readonly amounts: Amounts;
}

/** Sums by name. The sum of bills without an account is the last. */
export function sumsBy(key: SumKey, bills: readonly Bill[]): BillSum[] {
  const groups = Map.groupBy(bills, (bill) => bill[key] ?? null);
  return [...groups].sort(([a], [b]) => {
    if (a === null || b === null) return a === null ? 1 : -1;
    return a < b ? -1 : 1;
  }).map(([name, ofName]) => ({
    name,
    leases: new Set(ofName.map(({ lease }) => lease)).size,
    amounts: sumOf(ofName.map(amountsOf)),
  }));
}

export function sumsTable(key: SumKey, { bills, prices }: BillList): string {
  const sums = sumsBy(key, bills);
  const row = (name: string, leases: number, amounts: Amounts) => [
    name,
    leases,
    ...cellsOf(amounts, prices),
  ];
  return table(
    [key.toUpperCase(), "LEASES", ...AMOUNT_HEADS],
    [
      ...sums.map(({ name, leases, amounts }) => row(name ?? NO_ACCOUNT, leases, amounts)),
      row(
        "total",
        sums.reduce((total, { leases }) => total + leases, 0),
        sumOf(sums.map(({ amounts }) => amounts)),
      ),
    ],
  );
}

/** Durations are whole nanoseconds as text, as in bills; memory times time is in bytes times nanoseconds. */
export function sumsJson(key: SumKey, { nowMs, prices, bills }: BillList) {
  const sums = sumsBy(key, bills).map(({ name, leases, amounts }) => ({
    [key]: name,
    leases,
    coreNs: `${amounts.coreNs}`,
    byteNs: `${amounts.byteNs}`,
    computeNs: `${amounts.computeNs}`,
    pollNs: `${amounts.pollNs}`,
    cost: costOf(amounts, prices),
  }));
  return { nowMs, prices, sums };
}

export function sumsCsv(key: SumKey, { prices, bills }: BillList): string {
  const rows = sumsBy(key, bills).map(({ name, leases, amounts }) => ({
    [key]: name ?? "",
    leases,
    core_s: secondsText(amounts.coreNs),
    gib_s: gibSeconds(amounts),
    compute_s: secondsText(amounts.computeNs),
    poll_s: secondsText(amounts.pollNs),
    cost: costOf(amounts, prices),
  }));
  const columns = [key, "leases", "core_s", "gib_s", "compute_s", "poll_s", "cost"];
  return csvText(rows, columns);
}

/** What a table shows in place of an account. No account has this name. */
export const NO_ACCOUNT = "-";

/** The columns of {@linkcode cellsOf}. */
export const AMOUNT_HEADS = ["CORE-S", "GIB-S", "COMPUTE-S", "POLL-S", "COST"] as const;

/** The amounts and their cost, as cells of a table. */
export function cellsOf(amounts: Amounts, prices: Prices): number[] {
  return [
    seconds(amounts.coreNs),
    gibSeconds(amounts),
    seconds(amounts.computeNs),
    seconds(amounts.pollNs),
    costOf(amounts, prices),
  ].map(rounded);
}

/** CSV with LF in place of CRLF, for Unix tools. No cell contains a line break. */
export function csvText(
  rows: readonly Readonly<Record<string, string | number>>[],
  columns: readonly string[],
): string {
  return stringify(rows, { columns }).replaceAll("\r\n", "\n").trimEnd();
}

/** Six digits after the point. A number, so that the table aligns it to the right. */
function rounded(value: number): number {
  return Number(value.toFixed(6));
}
