/** The waiting requests, as much of them as a token may see. */
import { MAX_PAGE_ENTRIES } from "../../../runtime/http/page_api.ts";
import type { QueueList } from "../../../runtime/http/queue_api.ts";
import type { TokenRow } from "../store/store.ts";
import type { WaitingRequest } from "./lease_queue.ts";

/** What a list has besides the requests. */
interface ListOptions {
  readonly nowMs: number;
  /** Whether entries have their classes. */
  readonly withClass: boolean;
  /** Returns the usage of a payer, in core-milliseconds; undefined: entries have none. */
  readonly usageOf?: ((payer: string) => number) | undefined;
}

/**
 * Lists all requests for an operator. Lists its own for a client, whose places count the requests of others too.
 */
export function listWaiting(
  queue: readonly WaitingRequest[],
  { role, name }: Pick<TokenRow, "role" | "name">,
  { nowMs, withClass, usageOf }: ListOptions,
): QueueList {
  const seen = queue
    .map((request, at) => ({ ...request, place: at + 1 }))
    .filter(({ client }) => role === "operator" || client === name);
  const waiting = seen.slice(0, MAX_PAGE_ENTRIES).map((
    { place, client, payer, class: { name }, request, sinceMs, untilMs, reason },
  ) => {
    const { workers, memoryBytes } = request;
    const inClass = withClass ? { class: name } : {};
    const used = usageOf ? { usedCoreSeconds: Math.round(usageOf(payer) / 100) / 10 } : {};
    return { place, client, ...inClass, ...used, workers, memoryBytes, sinceMs, untilMs, reason };
  });
  return { nowMs, waiting, more: seen.length - waiting.length };
}
