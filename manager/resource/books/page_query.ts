/** The query of a request for a page of a list. */
import { leaseCursor, nodeCursor, tokenCursor } from "../../../runtime/http/manager_api.ts";
import type { LeasePlace } from "../store/store.ts";
import { checkFields, LIMIT_FIELD } from "./query_fields.ts";

/** A query that was checked. */
export interface CheckedPage<Place> {
  /** Entries after this position. */
  readonly after?: Place;
  readonly limit?: number;
}

/** The lists with pages of this form: the schema of their cursors, and what these mean. */
const LISTS = {
  leases: {
    cursor: leaseCursor,
    read: (text: string): LeasePlace => {
      const [ms, id] = text.split(".") as [string, string];
      return { issuedMs: Number(ms), id };
    },
  },
  nodes: { cursor: nodeCursor, read: (text: string): string => text },
  tokens: { cursor: tokenCursor, read: (text: string): string => text },
} as const;

type Lists = typeof LISTS;
type PlaceOf<L extends keyof Lists> = ReturnType<Lists[L]["read"]>;

/** Checks the query of a list. @throws {RefusalError} 400 if a field is malformed. */
export function readPageQuery<L extends keyof Lists>(
  list: L,
  { after, limit }: Readonly<Record<string, string>>,
): CheckedPage<PlaceOf<L>> {
  const { cursor, read } = LISTS[list];
  const fields = { after: [cursor, "not the `next` of a response"], limit: LIMIT_FIELD } as const;
  checkFields(list, fields, { after, limit });
  return {
    ...(after === undefined ? {} : { after: read(after) as PlaceOf<L> }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
  };
}

/** Checks the name in a query. @throws {RefusalError} 400 if it is malformed. */
export function readNodeName(name: string): string {
  checkFields("nodes", { name: [nodeCursor, "not a name"] }, { name });
  return name;
}

/**
 * Cuts a list at the limit of its page.
 *
 * @param rows one more than the limit, if there are so many.
 * @param cursorOf returns the cursor of a row.
 */
export function pageOf<R>(
  rows: readonly R[],
  limit: number,
  cursorOf: (row: R) => string,
): { page: readonly R[]; next?: string } {
  if (rows.length <= limit) return { page: rows };
  const page = rows.slice(0, limit);
  return { page, next: cursorOf(page.at(-1)!) };
}
