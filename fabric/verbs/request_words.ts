/** The number of each work request (wr_id): the poster's id, the kind of request, and its place in the queue. */

/** The upper half of a receive's wr_id. The lower half holds the poster's id, here and below. */
export const RECEIVE = 0x80000000;
/** The completion is reported to the poster. Without this bit only a failure is. */
export const REPORTED = 0x40000000;
/** Posted by the provider itself, to check that the peer is still there. */
export const KEEP_ALIVE = 0x20000000;
/** The bits of a send's place: its number among the sends of the connection, modulo 2^29. */
export const PLACE_MASK = 0x1fffffff;
