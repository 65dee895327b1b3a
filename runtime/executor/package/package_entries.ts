/** Bounds the manifest of a package: the list of its functions. */

import type { FunctionEntry } from "../../protocol/manifest.ts";
import { MAX_FUNCTIONS, MESSAGE_BYTES } from "../../protocol/wire.ts";

const RangeFailure = RangeError; // bound before foreign code loads

/** The JSON characters around the texts of an entry that has more than a name. */
const ENTRY_OVERHEAD_CHARACTERS = 48;

/** @throws {RangeError} when there are more functions than a call can address, or than the ready message holds. */
export function checkEntries(entries: readonly FunctionEntry[]): void {
  let characters = 0;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    characters += typeof entry === "string"
      ? entry.length + 1
      : entry.name.length + entry.input.length + entry.output.length + ENTRY_OVERHEAD_CHARACTERS;
  }
  if (entries.length > MAX_FUNCTIONS || characters > MESSAGE_BYTES / 2) {
    throw new RangeFailure(
      `Cannot serve package: it exports ${entries.length} functions, too many to list`,
    );
  }
}
