/** What a benchmark reports. */

import { type CurvePoint, Times } from "./times.ts";

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
  /** For the page; not in the JSON. */
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

/** The rows as the JSON file has them. */
export function toJson(machine: object, rows: readonly Row[]): string {
  const plain = rows.map(({ curve: _, ...row }) => row);
  return JSON.stringify({ machine, rows: plain }, null, 1) + "\n";
}

/** Rows of one suite as a table for people, each size with its times relative to the fastest. */
export function toTable(rows: readonly Row[]): string {
  const lines = [
    ["bytes", "path", "n", "min", "p50", "p90", "p99", "p99.9", "a second", "p50 ratio"],
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
      (row.p50_us / fastest).toFixed(1),
    ]);
  }
  return alignColumns(lines, [1]);
}

/** Lines of cells, under each other. @param texts the columns that begin at the left. */
export function alignColumns(
  lines: readonly (readonly string[])[],
  texts: readonly number[],
): string {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines.map((line) =>
    line.map((cell, i) => texts.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
      .join("  ").trimEnd()
  ).join("\n");
}

function microseconds(us: number): string {
  return us.toFixed(us < 10 ? 3 : 1);
}
