/** A table that fits into a terminal. */

import { visibleText } from "../visible_text.ts";
import type { Column } from "./columns.ts";

const GAP = "  ";

/** The texts of the columns that fit. */
export interface FittedTable {
  /** The heads, each as wide as its column. */
  readonly heads: readonly string[];
  readonly lines: readonly string[];
}

/**
 * Text of other origin for any terminal. Of a terminal that is not set to UTF-8, a byte above 127 may be a control, and
 * one character is not one column; names have no such characters.
 */
export function plainText(text: string): string {
  return visibleText(text).replaceAll(/[^\x20-\x7e]/gu, "?");
}

/** Lays out rows. Columns are left out until the rest fits into the width; then lines are cut. */
export function fitTable<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  nowMs: number,
  width = Infinity,
  headOf = ({ head }: Column<T>) => head,
): FittedTable {
  let fitted = columns.map((column) => {
    const isNumber = rows.length > 0 && typeof column.by(rows[0]!) === "number";
    const cells = [headOf(column), ...rows.map((row) => plainText(column.cell(row, nowMs)))];
    const widest = cells.reduce((most, { length }) => Math.max(most, length), 0);
    const pad = (cell: string) => isNumber ? cell.padStart(widest) : cell.padEnd(widest);
    return { column, widest, cells: cells.map(pad) };
  });
  const total = () => fitted.reduce((sum, { widest }) => sum + widest + GAP.length, -GAP.length);
  while (total() > width) {
    const least = Math.max(...fitted.map(({ column }) => column.drop));
    if (least === 0) break;
    // The last column may be cut instead, as long as some of it is left.
    const last = fitted.at(-1)!;
    if (last.column.drop > 0 && last.widest - (total() - width) >= MIN_CUT) break;
    fitted = fitted.filter(({ column }) => column.drop !== least);
  }
  const lines = rows.map((_, i) => fitted.map(({ cells }) => cells[i + 1]!).join(GAP).trimEnd());
  return {
    heads: fitted.map(({ cells }) => cells[0]!),
    lines: lines.map((line) => cut(line, width)),
  };
}

/** Characters of a cut column that are of use. */
const MIN_CUT = 12;

/** A line that fits: of a longer one the begin, with a mark that something is left out. */
export function cut(line: string, width: number): string {
  return line.length <= width ? line : width < 1 ? "" : `${line.slice(0, width - 1)}~`;
}
