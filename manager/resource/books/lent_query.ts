/** The query of a request for what nodes had to lend: since when, and which page. */
import { timeText } from "../../../runtime/http/manager_api.ts";
import { checkFields, LIMIT_FIELD, schemasOf } from "./query_fields.ts";

/** A query that was checked. */
export interface LentQuery {
  readonly sinceMs?: number;
  /** Hours after the one that begins then. */
  readonly afterMs?: number;
  readonly limit?: number;
}

const FIELDS = {
  since: [timeText, "not a time in milliseconds"],
  after: [timeText, "not the `next` of a response"],
  limit: LIMIT_FIELD,
} as const;

/** The fields with their schemas, for the description of the route. */
export const LENT_FIELDS = schemasOf(FIELDS);

/** Checks a query. @throws {RefusalError} 400 if a field is malformed. */
export function readLentQuery(query: Record<string, string>): LentQuery {
  checkFields("lent hours", FIELDS, query);
  const { since, after, limit } = query;
  return {
    ...(since === undefined ? {} : { sinceMs: Number(since) }),
    ...(after === undefined ? {} : { afterMs: Number(after) }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
  };
}
