/** Escapes a text for use in HTML, between tags or in a quoted attribute. */
export function escape(str: string): string;

/** Options of {@linkcode unescape}. */
export interface UnescapeOptions {
  /** The characters, by the entity: those that `escape()` writes, `&apos;` and `&nbsp;` by default. */
  entityList: Record<string, string>;
}

/** Replaces entities by the characters that they stand for, numbered ones too. */
export function unescape(str: string, options?: UnescapeOptions): string;
