/** The text of a token, from a file or the output of a command. */

/**
 * Returns the token without white space around it: a file, or the output of a command, ends with a line end.
 *
 * @throws {TypeError} When it has characters that no token has.
 */
export function tokenText(text: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]*$/.test(token)) return token;
  throw new TypeError("Cannot use token: it has characters that no token has");
}
