import { createHash } from "node:crypto";
import { KEEP_ENDED_MS } from "./policy.ts";

/** 128 random bits as 32 hex digits: the id of a lease or a node, which cannot be guessed. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}

/**
 * The ids that the lease of a named request may have: that of this moment, then the one before. So a repeated request
 * finds its lease in any store, and no id returns once the row of its lease was deleted, which bills would confuse.
 *
 * @param client the name of the client, which has names of its own.
 */
export function idsOfRequest(client: string, request: string, nowMs: number): [string, string] {
  const period = Math.floor(nowMs / KEEP_ENDED_MS);
  const idIn = (at: number) =>
    createHash("sha256").update(`${request} ${at} ${client}`).digest("hex").slice(0, 32);
  return [idIn(period), idIn(period - 1)];
}
