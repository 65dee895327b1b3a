/** The headers of requests that a resource manager which stands by forwards to the leader. */

/** In the request, so that it is forwarded once at most. */
export const FORWARDED_HEADER = "rfaas-forwarded";
/** In the response: the address of the leader, to which a client may send its next request. */
export const LEADER_HEADER = "rfaas-leader";
