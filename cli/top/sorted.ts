/** Rows in order of a column. */

import type { Column } from "./columns.ts";

/** Names with numbers in them, in the order of the numbers. */
const { compare } = new Intl.Collator("en", { numeric: true });

/** Texts from A to Z and numbers from the largest, or the other way. Rows that are equal keep their order. */
export function sorted<T>(rows: readonly T[], { by }: Column<T>, isReversed = false): T[] {
  const sign = isReversed ? -1 : 1;
  return rows.map((row) => ({ row, key: by(row) })).sort((a, b) =>
    sign *
    (typeof a.key === "string"
      ? compare(a.key, b.key as string)
      : a.key === b.key
      ? 0
      : (b.key as number) - a.key)
  ).map(({ row }) => row);
}
