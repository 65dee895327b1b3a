/** What is asked for can't be had on this host: no compiler, no such program. It is left out, and nothing is wrong. */
export class NotHere extends Error {
  override name = "NotHere";
}
