/** The number that travels with each work request (wr_id): who posted it, what it is, where it stands in its queue. */

/** The upper half of a receive's wr_id. The lower half holds the poster's id, here and below. */
export const RECEIVE = 0x80000000;
/** The poster wants to hear of it. A request without this completes in silence unless it fails. */
export const WANTED = 0x40000000;
/** Posted by the provider itself, to see whether the peer is still there. */
export const KEEP_ALIVE = 0x20000000;
/** The bits of a send's place: how many were posted before it on this connection. */
export const PLACE_MASK = 0x1fffffff;

/** How far `place` lies behind `from`, both counted modulo {@linkcode PLACE_MASK} + 1. */
export function behind(from: number, place: number): number {
  return (from - place) & PLACE_MASK;
}
