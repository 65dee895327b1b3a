/** The waiting requests, as much of them as a token may see. */
import { MAX_PAGE_ENTRIES } from "../../../runtime/http/page_api.ts";
import type { QueueList } from "../../../runtime/http/queue_api.ts";
import type { TokenRow } from "../store/store.ts";
import type { WaitingRequest } from "./lease_queue.ts";

/**
 * Lists all requests for an operator. Lists its own for a client, whose places count the requests of others too.
 *
 * @param withClass whether entries have their classes.
 */
export function listWaiting(
  queue: readonly WaitingRequest[],
  { role, name }: Pick<TokenRow, "role" | "name">,
  { nowMs, withClass }: { readonly nowMs: number; readonly withClass: boolean },
): QueueList {
  const seen = queue
    .map((request, at) => ({ ...request, place: at + 1 }))
    .filter(({ client }) => role === "operator" || client === name);
  const waiting = seen.slice(0, MAX_PAGE_ENTRIES).map((
    { place, client, class: { name }, request, sinceMs, untilMs, reason },
  ) => {
    const { workers, memoryBytes } = request;
    const inClass = withClass ? { class: name } : {};
    return { place, client, ...inClass, workers, memoryBytes, sinceMs, untilMs, reason };
  });
  return { nowMs, waiting, more: seen.length - waiting.length };
}
