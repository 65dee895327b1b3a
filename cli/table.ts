/** Tables in plain text. */

/** Lays rows out in columns as wide as they need; numbers stand to the right. */
export function table(head: readonly string[], rows: readonly (string | number)[][]): string {
  const all = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  const isNumber = head.map((_, i) => rows.length > 0 && typeof rows[0]![i] === "number");
  return all.map((row) =>
    row.map((cell, i) => isNumber[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))
      .join("  ").trimEnd()
  ).join("\n");
}

/** Bytes in GiB or MiB. */
export function sizeText(bytes: number): string {
  return bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(1)} GiB`
    : `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
