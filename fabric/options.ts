/** The check of a connection's options, before anything is made. */

import { FabricError } from "./errors.ts";
import { type ConnectionOptions, MAX_MESSAGE_BYTES, MAX_PRIVATE_DATA_BYTES } from "./fabric.ts";

/** The largest arena: 1 TiB of address space. */
export const MAX_ARENA_BYTES = 2 ** 40;
/** The most receives or requests of a queue: what RDMA adapters commonly grant (max_qp_wr, man ibv_query_device). */
export const MAX_DEPTH = 32768;

/**
 * Checks private data, in bytes.
 *
 * @throws {FabricError} code `range` when it is longer than {@linkcode MAX_PRIVATE_DATA_BYTES}.
 */
export function checkPrivateData(data: Uint8Array): void {
  if (data.length <= MAX_PRIVATE_DATA_BYTES) return;
  throw new FabricError(
    `Cannot send private data: expected at most ${MAX_PRIVATE_DATA_BYTES} bytes, got ${data.length}`,
    "range",
  );
}

/**
 * Checks the options that mean the same to every provider.
 *
 * @throws {FabricError} code `range`; the message has the wrong value.
 */
export function checkConnectionOptions(options: ConnectionOptions): void {
  const refuse = (state: string) => new FabricError(`Cannot connect: ${state}`, "range");
  const { arenaBytes, receiveDepth = 256, sendDepth = 256, receives = [] } = options;
  if (!Number.isSafeInteger(arenaBytes) || arenaBytes < 1 || arenaBytes > MAX_ARENA_BYTES) {
    throw refuse(`expected an arena of 1 to ${MAX_ARENA_BYTES} bytes, got ${arenaBytes}`);
  }
  for (const [name, depth] of [["receiveDepth", receiveDepth], ["sendDepth", sendDepth]] as const) {
    if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH) {
      throw refuse(`expected a ${name} of 1 to ${MAX_DEPTH}, got ${depth}`);
    }
  }
  if (options.privateData) checkPrivateData(options.privateData);
  if (receives.length > receiveDepth) {
    throw refuse(`expected at most ${receiveDepth} initial receives, got ${receives.length}`);
  }
  for (const { offset, length } of receives) {
    const inside = offset >= 0 && length >= 0 && offset + length <= arenaBytes;
    if (!inside || length > MAX_MESSAGE_BYTES) {
      throw refuse(
        `an initial receive of ${length} bytes at ${offset} is not inside the arena of ${arenaBytes}`,
      );
    }
  }
}
