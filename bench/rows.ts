/** What a benchmark reports. */

import { percentileOf } from "../examples/demo/percentiles.ts";

/** One contender at one size. Times are microseconds a round trip. */
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
}

/** Makes a row from the times of all round trips; sorts them in place. */
export function toRow(suite: string, path: string, bytes: number, timesUs: Float64Array): Row {
  timesUs.sort();
  let sum = 0;
  for (const time of timesUs) sum += time;
  const round = (us: number) => Number(us.toPrecision(4));
  return {
    suite,
    path,
    bytes,
    n: timesUs.length,
    min_us: round(timesUs[0]!),
    p50_us: round(percentileOf(timesUs, 50)),
    p90_us: round(percentileOf(timesUs, 90)),
    p99_us: round(percentileOf(timesUs, 99)),
    p999_us: round(percentileOf(timesUs, 99.9)),
    per_second: Math.round(timesUs.length / (sum / 1e6)),
  };
}

/** Rows as a table for people, each size with its times relative to the fastest. */
export function toTable(rows: readonly Row[]): string {
  const lines = [
    ["suite", "bytes", "path", "n", "min", "p50", "p90", "p99", "p99.9", "calls/s", "p50 ratio"],
  ];
  for (const row of rows) {
    const same = rows.filter((other) => other.suite === row.suite && other.bytes === row.bytes);
    const fastest = Math.min(...same.map((other) => other.p50_us));
    lines.push([
      row.suite,
      String(row.bytes),
      row.path,
      String(row.n),
      ...[row.min_us, row.p50_us, row.p90_us, row.p99_us, row.p999_us].map((us) =>
        us.toFixed(us < 10 ? 3 : 1)
      ),
      row.per_second.toLocaleString("en"),
      (row.p50_us / fastest).toFixed(1),
    ]);
  }
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const isText = (column: number) => column === 0 || column === 2;
  return lines.map((line) =>
    line.map((cell, i) => isText(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join(
      "  ",
    )
  ).join("\n");
}
