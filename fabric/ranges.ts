/** Checks of the ranges in a caller's own arena, the same for every provider. */

import { FabricError } from "./errors.ts";
import { MAX_MESSAGE_BYTES } from "./fabric.ts";

/**
 * Checks a range of the arena, in bytes.
 *
 * @throws {FabricError} code `range` when it is not inside the arena.
 */
export function checkLocal(arenaBytes: number, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= arenaBytes)) {
    throw new FabricError(
      `Cannot use memory: ${length} bytes at ${offset} are not inside the arena of ${arenaBytes}`,
      "range",
    );
  }
}

/**
 * Checks a range that is sent, received, written or read.
 *
 * @throws {FabricError} code `range` when it is not inside the arena, or longer than {@linkcode MAX_MESSAGE_BYTES}.
 */
export function checkMessage(arenaBytes: number, offset: number, length: number): void {
  checkLocal(arenaBytes, offset, length);
  if (length > MAX_MESSAGE_BYTES) {
    throw new FabricError(
      `Cannot post a request: expected at most ${MAX_MESSAGE_BYTES} bytes, got ${length}`,
      "range",
    );
  }
}

/**
 * Checks the 8 bytes for an atomic's old value, and the address at the peer.
 *
 * @throws {FabricError} code `range` when they are not inside the arena, or either is not aligned to 8 bytes.
 */
export function checkAtomic(arenaBytes: number, offset: number, remoteAddress: number): void {
  checkLocal(arenaBytes, offset, 8);
  if (offset % 8 !== 0 || remoteAddress % 8 !== 0) {
    throw new FabricError(
      `Cannot post an atomic: local offset ${offset} and remote address ${remoteAddress} are not both aligned to 8 bytes`,
      "range",
    );
  }
}
