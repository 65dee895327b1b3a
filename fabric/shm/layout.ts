/**
 * The control block: what one end publishes for the other, and the ring that the other fills with completions.
 *
 * Each end makes one block and maps both. All words have 32 bits, and indexes count words. Words with different writers,
 * and words that change at different times, have cache lines of their own.
 */

/** Bytes of a cache line. */
export const LINE_BYTES = 64;
const LINE = LINE_BYTES / 4;

/** Written by the owner: 0 while connected; not 0 once it has left. */
export const STATE_INDEX = 0;
/**
 * Written by the owner once, before the peer sees the block: the number of the only core on which its thread may run,
 * plus 1; 0 if it may run on several.
 */
export const LONE_CORE_INDEX = 1;
/** Written by the owner: the number of the core on which its thread ran, plus 1; 0 before it has published one. */
export const CORE_INDEX = 2;
/** Set by the owner before it sleeps, cleared by the peer that wakes it. */
export const ASLEEP_INDEX = LINE;
/** Written by the owner: receives posted since the start, modulo 2^32. */
export const POSTED_INDEX = 2 * LINE;
/** Written by the owner: the regions that the peer may use. */
export const REGIONS_INDEX = 3 * LINE;

/** Regions that one arena may have at a time. */
export const MAX_REGIONS = 32;
/** Words of a region: rkey (0: free), access, then address and length as two 64-bit floats. */
export const REGION_WORDS = 8;
/** Index of the rkey within a region. */
export const REGION_RKEY = 0;
/** Index of the access flags within a region. */
export const REGION_ACCESS = 1;
/** Indexes of address and length among the block's 64-bit floats, from the region's first. */
export const REGION_ADDRESS_F64 = 1;
export const REGION_LENGTH_F64 = 2;

/** Written by the owner: the receives, a ring of offset (64-bit float) and length. */
export const RECEIVES_INDEX = REGIONS_INDEX + MAX_REGIONS * REGION_WORDS;
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
  return RECEIVES_INDEX + entries * RECEIVE_WORDS;
}

/** Bytes of a control block whose rings have `entries` entries (a power of two). */
export function controlBytes(entries: number): number {
  return (ringStart(entries) + entries * ENTRY_WORDS) * 4;
}

/** The smallest ring that holds `depth` receives: a power of two, at least 16. */
export function ringEntries(depth: number): number {
  return Math.max(16, 2 ** Math.ceil(Math.log2(depth)));
}

/** The most entries of a ring; this bounds the memory of a peer that this end maps. */
export const MAX_RING_ENTRIES = 65536;
