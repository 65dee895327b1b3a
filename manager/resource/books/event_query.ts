/** The query of a request for events: which of them, which page, and how long to wait for one. */
import { eventCursor, EVENTS_WAIT_MS, waitText } from "../../../runtime/http/event_api.ts";
import { hexId, plainName, timeText } from "../../../runtime/http/manager_api.ts";
import { MAX_PAGE_ENTRIES } from "../../../runtime/http/page_api.ts";
import type { EventQuery } from "../store/event_rows.ts";
import { cannotList, checkFields, LIMIT_FIELD, schemasOf } from "./query_fields.ts";

/** A query that was checked. */
export interface CheckedEventQuery extends EventQuery {
  readonly waitMs: number;
}

const FIELDS = {
  client: [plainName, "not a name"],
  lease: [hexId, "not the id of a lease"],
  node: [plainName, "not the id or the name of a node"],
  since: [timeText, "not a time in milliseconds"],
  after: [eventCursor, "not the `next` or `last` of a response"],
  limit: LIMIT_FIELD,
  newest: LIMIT_FIELD,
  wait: [waitText, `not 0 to ${EVENTS_WAIT_MS} milliseconds`],
} as const;

/** The fields with their schemas, for the description of the route. */
export const EVENT_FIELDS = schemasOf(FIELDS);

/** Checks a query. @throws {RefusalError} 400 if a field is malformed. */
export function readEventQuery(query: Record<string, string>): CheckedEventQuery {
  checkFields("events", FIELDS, query);
  const { client, lease, node, since, after, limit, newest, wait = "0" } = query;
  if (newest !== undefined && limit !== undefined) {
    throw cannotList("events", "it has both newest and limit");
  }
  return {
    ...(client === undefined ? {} : { client }),
    ...(lease === undefined ? {} : { lease }),
    ...(node === undefined ? {} : { node }),
    ...(since === undefined ? {} : { sinceMs: Number(since) }),
    ...(after === undefined ? {} : { after: Number(after) }),
    ...(newest === undefined ? {} : { newest: true }),
    limit: Number(newest ?? limit ?? MAX_PAGE_ENTRIES),
    waitMs: Number(wait),
  };
}
