/** A column: a property, or a property with a header of its own. */
export type Column<Name extends string> = Name | { prop: Name; header?: string };

/** Options of {@linkcode stringify} for rows that are arrays. */
export interface StringifyOptions {
  /**
   * What separates two cells.
   *
   * @default {","}
   */
  separator?: string;
  /**
   * Whether to begin with a byte-order mark.
   *
   * @default {false}
   */
  bom?: boolean;
}

/** Options of {@linkcode stringify} for rows that are objects. */
export interface StringifyColumnsOptions<Name extends string> extends StringifyOptions {
  /** The columns, from left to right. */
  columns: readonly Column<Name>[];
  /**
   * Whether to begin with a line of headers.
   *
   * @default {true}
   */
  headers?: boolean;
}

/**
 * Writes rows as CSV, each line with CRLF at its end. A cell is quoted where it must be; `null` and
 * `undefined` become an empty one.
 *
 * @throws {TypeError} If the separator contains a quotation mark or a line break.
 */
export function stringify(
  data: readonly (readonly unknown[])[],
  options?: StringifyOptions,
): string;
export function stringify<Row extends object>(
  data: readonly Row[],
  options: StringifyColumnsOptions<keyof Row & string>,
): string;
