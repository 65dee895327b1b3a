/** How long a client has to claim a grant. */

/** How long after its signature a grant may be claimed, in milliseconds. */
export const CLAIM_WITHIN_MS = 2000;
