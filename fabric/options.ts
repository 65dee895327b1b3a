/** What a caller asks of a connection, checked before anything is made. */

import { FabricError } from "./errors.ts";
import { type ConnectionOptions, MAX_MESSAGE_BYTES, MAX_PRIVATE_DATA_BYTES } from "./fabric.ts";

/** The largest arena: 1 TiB of address space. */
export const MAX_ARENA_BYTES = 2 ** 40;
/** Most receives or requests of a queue: what RDMA adapters commonly grant (max_qp_wr, man ibv_query_device). */
export const MAX_DEPTH = 32768;

/**
 * Checks the options that every provider understands alike.
 *
 * @throws {FabricError} code `range`, with the value that is wrong.
 */
export function checkConnectionOptions(options: ConnectionOptions): void {
  const refuse = (what: string) => new FabricError(`Cannot connect: ${what}`, "range");
  const { arenaBytes, receiveDepth = 256, sendDepth = 256, receives = [] } = options;
  if (!Number.isSafeInteger(arenaBytes) || arenaBytes < 1 || arenaBytes > MAX_ARENA_BYTES) {
    throw refuse(`an arena has 1 to ${MAX_ARENA_BYTES} bytes, not ${arenaBytes}`);
  }
  for (const [name, depth] of [["receiveDepth", receiveDepth], ["sendDepth", sendDepth]] as const) {
    if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH) {
      throw refuse(`${name} is 1 to ${MAX_DEPTH}, not ${depth}`);
    }
  }
  const privateBytes = options.privateData?.length ?? 0;
  if (privateBytes > MAX_PRIVATE_DATA_BYTES) {
    throw refuse(`${privateBytes} bytes of private data, ${MAX_PRIVATE_DATA_BYTES} at most`);
  }
  if (receives.length > receiveDepth) {
    throw refuse(`${receives.length} first receives, ${receiveDepth} at most`);
  }
  for (const { offset, length } of receives) {
    const inside = offset >= 0 && length >= 0 && offset + length <= arenaBytes;
    if (!inside || length > MAX_MESSAGE_BYTES) {
      throw refuse(`a receive of ${length} bytes from ${offset} in an arena of ${arenaBytes}`);
    }
  }
}
