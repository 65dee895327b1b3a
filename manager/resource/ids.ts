import { createHash } from "node:crypto";
import { KEEP_ENDED_MS } from "./policy.ts";

/**
 * The ids that the lease of a named request may have: that of this moment, then the one before. So a repeated request
 * finds its lease in any store, and no id returns once the row of its lease was deleted, which bills would confuse.
 *
 * Clients begin a name with the time. An id that begins with it is next to those of the same time in the store, and a
 * commit of many leases writes few pages. A client that names its requests otherwise gets ids that are spread.
 *
 * @param client the name of the client, which has names of its own.
 */
export function idsOfRequest(client: string, request: string, nowMs: number): [string, string] {
  const period = Math.floor(nowMs / KEEP_ENDED_MS);
  const time = /^[0-9a-f]{12}/.exec(request)?.[0] ?? "";
  const idIn = (at: number) => {
    const hash = createHash("sha256").update(`${request} ${at} ${client}`).digest("hex");
    return (time + hash).slice(0, 32);
  };
  return [idIn(period), idIn(period - 1)];
}
