/** The query of a request for bills: of which client, since when, and which page. */
import { billCursor } from "../../../runtime/http/bill_api.ts";
import { plainName, timeText } from "../../../runtime/http/manager_api.ts";
import type { BillPlace } from "../store/store.ts";
import { checkFields, LIMIT_FIELD, schemasOf } from "./query_fields.ts";

/** A query that was checked. */
export interface BillQuery {
  readonly client?: string;
  /** Bills that have grown at or after this time on the resource manager's clock. */
  readonly sinceMs?: number;
  /** Bills after this position. */
  readonly after?: BillPlace;
  readonly limit?: number;
}

const FIELDS = {
  client: [plainName, "not a name"],
  since: [timeText, "not a time in milliseconds"],
  after: [billCursor, "not the `next` of a response"],
  limit: LIMIT_FIELD,
} as const;

/** The fields with their schemas, for the description of the route. */
export const BILL_FIELDS = schemasOf(FIELDS);

/** Checks a query. @throws {RefusalError} 400 if a field is malformed. */
export function readBillQuery(query: Record<string, string>): BillQuery {
  checkFields("bills", FIELDS, query);
  const { client, since, after, limit } = query;
  return {
    ...(client === undefined ? {} : { client }),
    ...(since === undefined ? {} : { sinceMs: Number(since) }),
    ...(after === undefined ? {} : { after: readCursor(after) }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
  };
}

/** The text of a position, which a client sends back to get the bills after it. */
export function cursorOf({ ms, lease, node, epoch }: BillPlace): string {
  return `${ms}.${lease}.${node}.${epoch}`;
}

function readCursor(text: string): BillPlace {
  const [ms, lease, node, epoch] = text.split(".") as [string, string, string, string];
  return { ms: Number(ms), lease, node, epoch: Number(epoch) };
}
