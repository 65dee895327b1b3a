/** Checks of the fields of a request for a list. */
import { MAX_PAGE_ENTRIES, pageLimit } from "../../../runtime/http/page_api.ts";
import * as v from "../../../runtime/valibot.ts";
import { quoted, RefusalError } from "../refusal.ts";

/** The schema of each field, and the words for a value that does not match it. */
export type QueryFields = Readonly<Record<string, readonly [v.GenericSchema<string>, string]>>;

/** The field with the most entries of a page. */
export const LIMIT_FIELD = [pageLimit, `not 1 to ${MAX_PAGE_ENTRIES}`] as const;

/**
 * Checks the fields of a query, of which each may be missing.
 *
 * @param list what is to be listed, for the message.
 * @throws {RefusalError} 400 if a field is malformed.
 */
export function checkFields(
  list: string,
  fields: QueryFields,
  query: Readonly<Record<string, string | undefined>>,
): void {
  for (const [name, [schema, problem]] of Object.entries(fields)) {
    const value = query[name];
    if (value === undefined || v.safeParse(schema, value).success) continue;
    throw cannotList(list, `${name} ${quoted(value)} is ${problem}`);
  }
}

/** The schemas of fields, for the description of a route. */
export function schemasOf<F extends QueryFields>(fields: F): { [N in keyof F]: F[N][0] } {
  const schemas = Object.entries(fields).map(([name, [schema]]) => [name, schema]);
  return Object.fromEntries(schemas) as { [N in keyof F]: F[N][0] };
}

/** The refusal of a query that cannot be answered. */
export function cannotList(list: string, state: string): RefusalError {
  return new RefusalError(400, "bad-request", `Cannot list ${list}: ${state}`);
}
