/** Reads events page by page, and then those that follow. */
import { ManagerUnreachableError } from "../../runtime/errors.ts";
import { ManagerRefusedError } from "../../runtime/http/manager_refused.ts";
import {
  type EventList,
  type EventPageQuery,
  EVENTS_WAIT_MS,
} from "../../runtime/http/event_api.ts";
import type { ManagerLists } from "../../runtime/http/manager_lists.ts";
import { delay } from "../../std/async.ts";

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;

export interface EventPagesOptions {
  readonly manager: Pick<ManagerLists, "events">;
  /** Which events, and from which on. */
  readonly query: EventPageQuery;
  /** Whether to wait for more events when all were read. */
  readonly follow: boolean;
  /** Ends the pages, without an error. */
  readonly signal: AbortSignal;
  /** Receives a failure after which the next try follows; undefined once the resource manager responds again. */
  readonly onState: (failure: ManagerUnreachableError | undefined) => void;
  /** The state of the resource manager is an older one. Its events follow from the oldest one. */
  readonly onReset: () => void;
}

/**
 * Yields the pages in their order. A resource manager that ends while events are followed is waited for: the events that
 * happen meanwhile are in its store.
 *
 * @throws {ManagerUnreachableError} if it does not respond to the first request.
 * @throws the other errors of {@linkcode ManagerLists.events}.
 */
export async function* eventPages(options: EventPagesOptions): AsyncGenerator<EventList> {
  const { manager, follow, signal, onState, onReset } = options;
  let { query } = options;
  let retryMs = 0;
  let isFirst = true;
  while (!signal.aborted) {
    let page: EventList;
    try {
      page = await manager.events(query, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (follow && isBehindLast(error, query)) {
        const { after: _, ...rest } = query;
        query = rest;
        onReset();
        continue;
      }
      if (isFirst || !(error instanceof ManagerUnreachableError)) throw error;
      if (retryMs === 0) onState(error);
      retryMs = Math.min(LAST_RETRY_MS, Math.max(FIRST_RETRY_MS, 2 * retryMs));
      await delay(retryMs, { signal }).catch(() => {}); // it was interrupted
      continue;
    }
    if (retryMs > 0) onState(undefined);
    retryMs = 0;
    isFirst = false;
    yield page;
    const { next, last } = page;
    if (next === undefined && !follow) return;
    const { newest: _, ...rest } = query;
    query = { ...rest, after: next ?? last, ...(follow ? { waitMs: EVENTS_WAIT_MS } : {}) };
  }
}

/** Whether it has no event as new as the last one that was read: its state was restored from a backup, for example. */
function isBehindLast(error: unknown, { after }: EventPageQuery): boolean {
  return after !== undefined && error instanceof ManagerRefusedError && error.status === 400;
}
