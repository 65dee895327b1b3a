/**
 * The control block: what one end publishes for the other, and the ring in which the other tells it of messages.
 *
 * Each end makes one block and maps both. All words are 32 bits. Words with different writers, and words that change
 * at different times, lie in cache lines of their own.
 */

/** Bytes of a cache line. */
export const LINE_BYTES = 64;
const LINE = LINE_BYTES / 4;

/** Written by the owner: 0 while connected; not 0 once it has left. */
export const STATE = 0;
/** Written by the owner before it sleeps, taken back by who wakes it. */
export const ASLEEP = LINE;
/** Written by the owner: receives posted since the beginning, modulo 2^32. */
export const POSTED = 2 * LINE;
/** Written by the owner: the regions that the peer may use. */
export const REGIONS = 3 * LINE;

/** Regions that one arena may have at a time. */
export const MAX_REGIONS = 32;
/** Words of a region: rkey (0: free), access, then address and length as two 64-bit floats. */
export const REGION_WORDS = 8;
export const REGION_RKEY = 0;
export const REGION_ACCESS = 1;
/** Index of the address among the block's 64-bit floats, counted from the region's first. */
export const REGION_ADDRESS_F64 = 1;
export const REGION_LENGTH_F64 = 2;

/** Written by the owner: the receives, a ring of offset (64-bit float) and length. */
export const RECEIVES = REGIONS + MAX_REGIONS * REGION_WORDS;
export const RECEIVE_WORDS = 4;
export const RECEIVE_LENGTH = 2;

/**
 * Written by the peer: the completions of receives. An entry is published by storing its sequence, the number of
 * messages up to and with it, modulo 2^32.
 */
export const ENTRY_WORDS = 4;
export const ENTRY_SEQUENCE = 0;
export const ENTRY_KIND = 1; // opcode, and a status in the upper half
export const ENTRY_BYTES = 2;
export const ENTRY_IMMEDIATE = 3;

/** Where the completion ring begins, in words. */
export function ringStart(entries: number): number {
  return RECEIVES + entries * RECEIVE_WORDS;
}

/** Bytes of a control block whose rings have `entries` entries (a power of two). */
export function controlBytes(entries: number): number {
  return (ringStart(entries) + entries * ENTRY_WORDS) * 4;
}

/** The smallest ring that holds `depth` receives: a power of two, at least 16. */
export function ringEntries(depth: number): number {
  return Math.max(16, 2 ** Math.ceil(Math.log2(depth)));
}

/** Most entries of a ring; what a peer may ask us to map is bounded by it. */
export const MAX_RING_ENTRIES = 65536;
