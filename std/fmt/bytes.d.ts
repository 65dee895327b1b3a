/** Options of {@linkcode format}. */
export interface FormatOptions {
  /**
   * Whether to count in bits.
   *
   * @default {false}
   */
  bits?: boolean;
  /**
   * Whether to use powers of 1024, such as MiB, in place of powers of 1000. It writes 1024 as `1 kiB`,
   * with a small letter.
   *
   * @default {false}
   */
  binary?: boolean;
  /**
   * Whether to write a plus sign before positive numbers.
   *
   * @default {false}
   */
  signed?: boolean;
  /** Three significant digits, unless this or `maximumFractionDigits` is given. */
  minimumFractionDigits?: number;
  /** Three significant digits, unless this or `minimumFractionDigits` is given. */
  maximumFractionDigits?: number;
}

/**
 * Writes a number of bytes for people: 1337 as `1.34 kB`.
 *
 * @throws {TypeError} If `num` is not a finite number.
 */
export function format(num: number, options?: FormatOptions): string;
