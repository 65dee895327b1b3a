/** What a package's list of functions may be. */

import type { FunctionEntry } from "../protocol/manifest.ts";
import { MAX_FUNCTIONS, MESSAGE_BYTES } from "../protocol/wire.ts";

const RangeFailure = RangeError; // held before foreign code is loaded

/** Around the texts of an entry that has more than a name, as JSON. */
const AROUND_TEXTS = 48;

/** @throws {RangeError} when there are more functions than a call can tell apart, or than the ready message holds. */
export function checkEntries(entries: readonly FunctionEntry[]): void {
  let characters = 0;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    characters += typeof entry === "string"
      ? entry.length + 1
      : entry.name.length + entry.input.length + entry.output.length + AROUND_TEXTS;
  }
  if (entries.length > MAX_FUNCTIONS || characters > MESSAGE_BYTES / 2) {
    throw new RangeFailure(
      `Cannot serve package: it exports ${entries.length} functions, too many to list`,
    );
  }
}
