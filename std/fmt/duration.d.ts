/** Options of {@linkcode format}. */
export interface FormatOptions {
  /**
   * `1d 2h 3m`, `1 day, 2 hours, 3 minutes` or `01:02:03`, each down to nanoseconds.
   *
   * @default {"narrow"}
   */
  style?: "narrow" | "full" | "digital";
  /**
   * Whether to leave out the units of which there are none.
   *
   * @default {false}
   */
  ignoreZero?: boolean;
}

/**
 * Writes a duration for people; a negative one as the positive.
 *
 * @param ms Milliseconds.
 * @throws {TypeError} If the style is none of the three.
 */
export function format(ms: number, options?: FormatOptions): string;
