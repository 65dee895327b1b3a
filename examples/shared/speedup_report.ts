/** Reports the times of all ways: a table, a sentence a way, and a chart. */

import { note } from "./report.ts";
import { speedupChart } from "./speedup_chart.ts";
import { type Contestant, type SizeRow, speedup, speedupTable, verdicts } from "./speedups.ts";

/** What was measured. */
export interface Measured {
  /** The title of the chart. */
  readonly title: string;
  /** A sentence below the title, before the one about a lease. */
  readonly about?: string;
  /** What is counted, such as `rows`. */
  readonly unit: string;
  /** The same in full, for sentences and the axis of the chart. @default the unit */
  readonly unitInFull?: string;
  /** The first one is what the others are compared with. */
  readonly contestants: readonly Contestant[];
  readonly rows: readonly SizeRow[];
  /** So many contestants, the last ones, are in the table and in the chart without a sentence. @default {0} */
  readonly variants?: number;
}

/** Prints the table, then a check if there is one, and the sentences. @returns the chart, an SVG. */
export function speedupReport(
  { title, about, unit, unitInFull = unit, contestants, rows, variants = 0 }: Measured,
  check?: () => void,
): string {
  console.log(speedupTable(unit, contestants, rows));
  check?.();
  const found = verdicts(unitInFull, contestants.slice(0, contestants.length - variants), rows);
  for (const { text } of found) note(text);
  const lease = found.find(({ kind }) => kind === "lease")?.text;
  return speedupChart({
    title,
    sentence: [about, lease].filter((line) => line !== undefined).join("\n"),
    base: contestants[0]!.name,
    size: unitInFull,
    sizes: rows.map(({ size }) => size),
    series: contestants.slice(1).map(({ name }, i) => ({
      name,
      speedups: rows.map((row) => speedup(row, i + 1)),
    })),
  });
}
