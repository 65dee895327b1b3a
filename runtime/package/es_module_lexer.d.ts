/** What {@linkcode parse} finds of an import. */
export interface ImportSpecifier {
  /** The type: 1 is a static import, 2 is an `import()`, 3 is `import.meta`. */
  readonly t: number;
  /** The name, unless an `import()` computes it. */
  readonly n: string | undefined;
  /**
   * Of a static import: the positions of the specifier's first character, and of the quote after it. Of an `import()`: of
   * the expression, and after it.
   */
  readonly s: number;
  readonly e: number;
  /** The position of its first character, and that after its last one. */
  readonly ss: number;
  readonly se: number;
}

/**
 * Finds all imports and exports of a module.
 *
 * @throws {Error} if the text is no module.
 */
export function parse(source: string): readonly [readonly ImportSpecifier[], readonly unknown[]];
