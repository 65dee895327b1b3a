/** How the two processes of the floor measurement share their page. */

/** Bytes of the shared memory: the words and both payloads, each in cache lines of its own. */
export const FLOOR_BYTES = 4096;
/** Bytes that go each way. */
export const PAYLOAD_BYTES = 64;
/** Word (of 4 bytes) that the measuring process writes: the number of its round. */
export const PING_WORD = 0;
/** Word that the peer writes: the number of the round it answers. Another pair of cache lines. */
export const PONG_WORD = 32;
/** Where the payloads lie. */
export const PING_PAYLOAD = 256;
export const PONG_PAYLOAD = 512;
