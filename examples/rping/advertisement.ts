/**
 * The one message of rping: a range of the sender's memory that the receiver may read or write.
 *
 * 16 bytes, in network byte order: address (64 bits), rkey (32), size (32); see struct rping_rdma_info in
 * librdmacm/examples/rping.c of rdma-core. The server's confirmation is a message of this length too, with no meaning
 * in its content.
 */

import { PingError } from "./errors.ts";

/** Bytes of the message. */
export const ADVERTISEMENT_BYTES = 16;

/** A range of the sender's memory. */
export interface Advertisement {
  readonly address: number;
  readonly rkey: number;
  readonly size: number;
}

/** Writes the message. */
export function encodeAdvertisement(
  bytes: Uint8Array,
  { address, rkey, size }: Advertisement,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, ADVERTISEMENT_BYTES);
  view.setBigUint64(0, BigInt(address));
  view.setUint32(8, rkey);
  view.setUint32(12, size);
}

/**
 * Reads the message.
 *
 * @throws {PingError} With code `protocol`, for another length, or an address above 2^53.
 */
export function decodeAdvertisement(bytes: Uint8Array): Advertisement {
  if (bytes.length !== ADVERTISEMENT_BYTES) {
    throw new PingError(
      `Cannot read an advertisement: it has ${bytes.length} bytes, not ${ADVERTISEMENT_BYTES}`,
      "protocol",
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, ADVERTISEMENT_BYTES);
  const address = view.getBigUint64(0);
  if (address > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new PingError(`Cannot use address 0x${address.toString(16)}: above 2^53`, "protocol");
  }
  return { address: Number(address), rkey: view.getUint32(8), size: view.getUint32(12) };
}
