/** The layout of the memory that the two processes of the floor share. */

/** The default size of a payload, in each direction. */
export const PAYLOAD_BYTES = 64;
/** Index of the word (of 4 bytes) that the measuring process writes: the number of its round. */
export const PING_WORD = 0;
/** Index of the word that the peer writes: the number of the round that it answers. In another pair of cache lines. */
export const PONG_WORD = 32;
/** Bytes of the words, and the offset of the payload of the measuring process. */
export const PING_PAYLOAD = 256;

/** The copies of the payload in a round. */
export interface RoundCopies {
  /** The measuring process copies its bytes in. */
  readonly writes: boolean;
  /** The peer copies them to its payload. */
  readonly echoes: boolean;
  /** The measuring process copies the payload of the peer out. */
  readonly reads: boolean;
}

/** The copies of a message in each direction. */
export const EACH_WAY: RoundCopies = { writes: true, echoes: true, reads: false };

/** Empty polls between two readings of the clock. */
export const POLLS_PER_CLOCK = 1 << 20;
/** How long one process waits for the other. */
export const PEER_TIMEOUT_MS = 5000;

/** Offset of the payload of the peer, which has separate cache lines. */
export function pongPayload(bytes: number): number {
  return PING_PAYLOAD + Math.ceil(bytes / 256) * 256;
}

/** Size of the memory for payloads of up to `bytes`, in whole pages. */
export function floorBytes(bytes: number): number {
  return Math.ceil((pongPayload(bytes) + bytes) / 4096) * 4096;
}
