/** The results of a benchmark. */

import { alignColumns } from "../cli/table.ts";

import { type CurvePoint, Times } from "./times.ts";

/** One contender at one size. Times are microseconds per round trip. */
export interface Row {
  readonly suite: string;
  readonly path: string;
  readonly bytes: number;
  /** Round trips measured. */
  readonly n: number;
  readonly min_us: number;
  readonly p50_us: number;
  readonly p90_us: number;
  readonly p99_us: number;
  readonly p999_us: number;
  readonly per_second: number;
  /** Only for the page. The JSON leaves it out. */
  readonly curve?: readonly CurvePoint[];
}

/** Makes a row from the times of all round trips, in microseconds. */
export function toRow(
  suite: string,
  path: string,
  bytes: number,
  times: Times | Iterable<number>,
): Row {
  const all = times instanceof Times ? times : Times.of(times);
  const round = (us: number) => Number(us.toPrecision(4));
  return {
    suite,
    path,
    bytes,
    n: all.count,
    min_us: round(all.minUs),
    p50_us: round(all.percentileUs(50)),
    p90_us: round(all.percentileUs(90)),
    p99_us: round(all.percentileUs(99)),
    p999_us: round(all.percentileUs(99.9)),
    per_second: Number((1e6 / all.meanUs).toPrecision(4)),
    curve: all.curve(),
  };
}

/** Returns the text of the JSON file. @param skipped What this host could not measure. */
export function toJson(
  machine: object,
  rows: readonly Row[],
  skipped: readonly string[] = [],
): string {
  const plain = rows.map(({ curve: _, ...row }) => row);
  return JSON.stringify({ machine, skipped, rows: plain }, null, 1) + "\n";
}

/** Returns the rows of one suite as a table. The ratio compares a row with the fastest one of its size. */
export function toTable(rows: readonly Row[]): string {
  const lines = [
    ["bytes", "path", "n", "min", "p50", "p90", "p99", "p99.9", "per second", "p50 ratio"],
  ];
  for (const row of rows) {
    const same = rows.filter(({ bytes }) => bytes === row.bytes);
    const fastest = Math.min(...same.map((other) => other.p50_us));
    lines.push([
      String(row.bytes),
      row.path,
      row.n.toLocaleString("en"),
      ...[row.min_us, row.p50_us, row.p90_us, row.p99_us, row.p999_us].map(microseconds),
      row.per_second.toLocaleString("en", { maximumFractionDigits: row.per_second < 10 ? 1 : 0 }),
      fastest > 0 ? (row.p50_us / fastest).toFixed(1) : "-",
    ]);
  }
  return alignColumns(lines, [1]);
}

function microseconds(us: number): string {
  return us.toFixed(us < 10 ? 3 : 1);
}
