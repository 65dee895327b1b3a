/** What a package's list of functions may be. */

import { MAX_FUNCTIONS, MESSAGE_BYTES } from "../wire.ts";

/** @throws {RangeError} when there are more names than a call can tell apart, or than the ready message holds. */
export function checkNames(names: readonly string[]): void {
  const characters = names.reduce((sum, name) => sum + name.length + 1, 0);
  if (names.length > MAX_FUNCTIONS || characters > MESSAGE_BYTES / 2) {
    throw new RangeError(
      `Cannot serve package: it exports ${names.length} functions, too many to list`,
    );
  }
}
