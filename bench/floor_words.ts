/** How the two processes of the floor measurement share their memory. */

/** Bytes that go each way, if nothing else is said. */
export const PAYLOAD_BYTES = 64;
/** Word (of 4 bytes) that the measuring process writes: the number of its round. */
export const PING_WORD = 0;
/** Word that the peer writes: the number of the round it answers. Another pair of cache lines. */
export const PONG_WORD = 32;
/** Bytes of the words, and where the payload of the measuring process begins. */
export const PING_PAYLOAD = 256;

/** Which copies of the payload a round has. */
export interface RoundCopies {
  /** The measuring process copies its bytes in. */
  readonly writes: boolean;
  /** The peer copies them to its own. */
  readonly echoes: boolean;
  /** The measuring process copies the peer's out. */
  readonly reads: boolean;
}

/** As much as a message each way needs. */
export const EACH_WAY: RoundCopies = { writes: true, echoes: true, reads: false };

/** Looks in vain between two looks at the clock, and how long an end waits for the other. */
export const LOOKS_PER_CLOCK = 1 << 20;
export const PATIENCE_MS = 5000;

/** Where the peer's payload begins: cache lines of its own. */
export function pongPayload(bytes: number): number {
  return PING_PAYLOAD + Math.ceil(bytes / 256) * 256;
}

/** Bytes of memory for payloads up to `bytes`, in whole pages. */
export function floorBytes(bytes: number): number {
  return Math.ceil((pongPayload(bytes) + bytes) / 4096) * 4096;
}
