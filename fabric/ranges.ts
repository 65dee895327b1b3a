/** Checks of the ranges that a caller names in its own arena, the same for every provider. */

import { FabricError } from "./errors.ts";
import { MAX_MESSAGE_BYTES } from "./fabric.ts";

/** @throws {FabricError} code `range`, when the bytes are not inside the arena. */
export function checkLocal(arenaBytes: number, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= arenaBytes)) {
    throw new FabricError(
      `Cannot use memory: ${length} bytes from ${offset} are not inside the arena of ${arenaBytes}`,
      "range",
    );
  }
}

/** The same of a range that is sent, received, written or read. */
export function checkMessage(arenaBytes: number, offset: number, length: number): void {
  checkLocal(arenaBytes, offset, length);
  if (length > MAX_MESSAGE_BYTES) {
    throw new FabricError(
      `Cannot post a request: ${length} bytes, ${MAX_MESSAGE_BYTES} at most`,
      "range",
    );
  }
}

/** The same of the 8 bytes where an atomic leaves what it found, and of the place at the peer that it works on. */
export function checkAtomic(arenaBytes: number, offset: number, remoteAddress: number): void {
  checkLocal(arenaBytes, offset, 8);
  if (offset % 8 !== 0 || remoteAddress % 8 !== 0) {
    throw new FabricError(
      `Cannot post an atomic: local offset ${offset} and remote address ${remoteAddress} must be aligned to 8`,
      "range",
    );
  }
}
