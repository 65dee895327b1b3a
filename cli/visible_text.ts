/** Text of other origin, such as a function's error, on its way to a terminal. */

/**
 * Characters that a terminal acts on instead of showing them: controls (C0, DEL, C1), line separators, and those that
 * change the direction of text (Unicode, UAX #9).
 */
const ACTING = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Replaces each character on which a terminal acts by its number: `\x1b` for an escape. */
export function visibleText(text: string): string {
  return text.replaceAll(ACTING, (character) => {
    const hex = character.charCodeAt(0).toString(16);
    return hex.length > 2 ? `\\u${hex.padStart(4, "0")}` : `\\x${hex.padStart(2, "0")}`;
  });
}
