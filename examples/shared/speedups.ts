/** What a run found, in a table and in sentences. */

import { alignColumns } from "../../cli/table.ts";
import type { Way } from "./way.ts";

/** One column of the table: a way, or a variant of it. */
export type Contestant = Pick<Way, "name" | "kind">;

/** The times of all ways for one size of the problem. */
export interface SizeRow {
  readonly size: number;
  /** The time of a run in milliseconds, in the order of the ways. */
  readonly ms: readonly number[];
}

/** How many times as fast as one local thread, which is the first way. */
export function speedup({ ms }: SizeRow, way: number): number {
  return ms[0]! / ms[way]!;
}

/** One line a way, with a column for each size. @param unit what is counted, such as `rows`. */
export function speedupTable(
  unit: string,
  ways: readonly Contestant[],
  rows: readonly SizeRow[],
): string {
  const head = rows.map(({ size }) => `${size.toLocaleString("en")} ${unit}`);
  const lines = ways.map(({ name }, i) => [
    name,
    ...rows.map((row) => `${milliseconds(row.ms[i]!)} ms ${speedup(row, i).toFixed(2)} x`),
  ]);
  return alignColumns([["", ...head], ...lines], [0]);
}

/** A sentence about a way. */
export interface Verdict {
  readonly kind: Way["kind"];
  readonly text: string;
}

/** How much faster each way was for the largest size, and from which size on it pays. */
export function verdicts(
  unit: string,
  ways: readonly Contestant[],
  rows: readonly SizeRow[],
): Verdict[] {
  const last = rows.at(-1)!;
  const ideal = ways.findIndex(({ kind }) => kind === "threads");
  return ways.flatMap((way, i) => {
    if (i === 0) return [];
    const times = speedup(last, i);
    const share = ideal > 0 && way.kind !== "threads"
      ? `, ${(100 * times / speedup(last, ideal)).toFixed(0)} % of ${ways[ideal]!.name}`
      : "";
    const from = paysFrom(rows, i);
    const pays = from === undefined
      ? `it does not pay up to ${last.size.toLocaleString("en")} ${unit}`
      : `it pays from ${from.toLocaleString("en")} ${unit}`;
    const verdict = times >= 1
      ? `${times.toFixed(2)} times as fast as ${ways[0]!.name}`
      : `${(1 / times).toFixed(2)} times slower than ${ways[0]!.name}`;
    return [{ kind: way.kind, text: `${way.name}: ${verdict}${share}; ${pays}` }];
  });
}

/** The smallest measured size from which on a way is faster than one thread. */
export function paysFrom(rows: readonly SizeRow[], way: number): number | undefined {
  let from: number | undefined;
  for (const row of rows.toReversed()) {
    if (speedup(row, way) <= 1) break;
    from = row.size;
  }
  return from;
}

/** Three digits. */
function milliseconds(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3);
}
