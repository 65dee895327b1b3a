/** Digits for the milliseconds since 1970: 48 bits, as in version 7 of RFC 9562. */
const TIME_DIGITS = 12;

/**
 * A new name of 32 hex digits that cannot be guessed: the time, then 80 random bits. Rows whose keys begin with
 * the time are written next to each other.
 */
export function timeOrderedName(nowMs: number): string {
  const time = Math.floor(nowMs).toString(16).padStart(TIME_DIGITS, "0");
  return time + crypto.getRandomValues(new Uint8Array(16 - TIME_DIGITS / 2)).toHex();
}
