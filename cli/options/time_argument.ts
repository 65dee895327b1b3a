/** Times in arguments: ISO 8601, of UTC unless they name their offset, as all output of the commands is. */

import { InvalidArgumentError } from "commander";

const TIME =
  /^(\d{4}-\d\d(?:-\d\d)?)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/i;

/** @returns milliseconds since 1970; undefined if the text is no time since then. */
export function tryParseTime(text: string): number | undefined {
  const [, date, time = "00:00", offset = "Z"] = TIME.exec(text) ?? [];
  if (date === undefined) return undefined;
  const dayMs = Date.parse(date);
  // `Date.parse()` takes February 30 for March 2.
  if (!(dayMs >= 0) || !new Date(dayMs).toISOString().startsWith(date)) return undefined;
  const day = date.padEnd("2026-11-01".length, "-01");
  const ms = Date.parse(`${day}T${time}${offset.toUpperCase()}`);
  return ms >= 0 ? ms : undefined;
}

/** Reads the argument of an option. @throws {InvalidArgumentError} if it is no time. */
export function readTime(text: string): number {
  const ms = tryParseTime(text);
  if (ms === undefined) throw new InvalidArgumentError("Expected a time such as 2026-11-01T12:00Z");
  return ms;
}
