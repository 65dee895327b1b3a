/** Compares the rows of a run with those of an earlier one. */

import { alignColumns } from "../cli/table.ts";
import type { Row } from "./rows.ts";

/** Rows that take this many times as long as before are listed. Below it, two runs of the same code differ. */
const SLOWER = 1.1;

/** What a comparison reads of the file that `--json` wrote. */
export interface EarlierRun {
  readonly machine: { readonly cpu: string; readonly commit: string; readonly date: string };
  readonly rows: readonly Pick<Row, "suite" | "path" | "bytes" | "p50_us" | "p99_us">[];
}

type ComparedRow = EarlierRun["rows"][number];

/**
 * Reads the file of an earlier run.
 *
 * @throws {TypeError} If the text is not what `--json` writes.
 */
export function parseRun(text: string): EarlierRun {
  let parsed: Partial<EarlierRun> | null;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new TypeError(`Cannot compare: the file is not JSON: ${(cause as Error).message}`);
  }
  const isRow = (row: ComparedRow | null) =>
    typeof row === "object" && row !== null &&
    [row.suite, row.path].every((name) => typeof name === "string") &&
    [row.bytes, row.p50_us, row.p99_us].every((value) => Number.isFinite(value) && value >= 0);
  if (!parsed?.machine || !Array.isArray(parsed.rows) || !parsed.rows.every(isRow)) {
    throw new TypeError("Cannot compare: the file was not written by `bench --json`");
  }
  return parsed as EarlierRun;
}

/**
 * Returns a table of the rows whose median got slower, the worst first.
 *
 * The speed of a host varies between two runs. So each row also has its ratio to the fastest row of its suite and size in
 * its own run: a row that got slower while its ratio stayed shows a slower host.
 */
export function compareRuns(before: EarlierRun, after: EarlierRun): string {
  const pairs = after.rows.flatMap((now) => {
    const then = before.rows.find((row) => isSame(row, now));
    return then ? [{ then, now, times: now.p50_us / then.p50_us }] : [];
  });
  const slower = pairs.filter(({ times }) => times >= SLOWER).sort((a, b) => b.times - a.times);
  const { cpu, commit, date } = before.machine;
  const lines = [`compared with ${commit} of ${date}, ${cpu}`];
  if (cpu !== after.machine.cpu) {
    lines.push(`this run is of another processor: ${after.machine.cpu}`);
  }
  if (slower.length > 0) {
    lines.push(alignColumns([
      [
        "suite",
        "bytes",
        "path",
        "times",
        "p50 before",
        "now",
        "p99 before",
        "now",
        "ratio before",
        "now",
      ],
      ...slower.map(({ then, now, times }) => [
        now.suite,
        `${now.bytes}`,
        now.path,
        times.toFixed(2),
        ...[then.p50_us, now.p50_us, then.p99_us, now.p99_us].map(microseconds),
        ...[ratio(then, before.rows), ratio(now, after.rows)].map((value) => value.toFixed(2)),
      ]),
    ], [0, 2]));
  }
  const others = after.rows.length - pairs.length;
  lines.push(
    `${slower.length} of ${pairs.length} rows take ${SLOWER} times as long or longer` +
      (others > 0 ? `; ${others} have no counterpart in the earlier run` : ""),
  );
  return lines.join("\n");
}

function isSame(a: ComparedRow, b: ComparedRow): boolean {
  return a.suite === b.suite && a.path === b.path && a.bytes === b.bytes;
}

/** The median beside the fastest one of the same suite and size. */
function ratio(row: ComparedRow, rows: readonly ComparedRow[]): number {
  const same = rows.filter(({ suite, bytes }) => suite === row.suite && bytes === row.bytes);
  return row.p50_us / Math.min(...same.map(({ p50_us }) => p50_us));
}

function microseconds(us: number): string {
  return us.toFixed(us < 10 ? 3 : 1);
}
