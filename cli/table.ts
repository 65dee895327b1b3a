/** Tables in plain text. */

import { visibleText } from "./visible_text.ts";

/** Lays out rows in columns. A column with a number is aligned to the right. */
export function table(head: readonly string[], rows: readonly (string | number)[][]): string {
  const isText = (column: number) => !rows.some((row) => typeof row[column] === "number");
  return alignColumns(
    [head, ...rows.map((row) => row.map((cell) => visibleText(String(cell))))],
    head.map((_, column) => column).filter(isText),
  );
}

/** Lays out lines of cells in columns. @param textColumns The columns that are aligned to the left. */
export function alignColumns(
  lines: readonly (readonly string[])[],
  textColumns: readonly number[],
): string {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines.map((line) =>
    line.map((cell, i) =>
      textColumns.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
    ).join("  ").trimEnd()
  ).join("\n");
}
