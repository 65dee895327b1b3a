/** The pages of lists. */
import * as v from "../valibot.ts";

/** The most entries in one response: some 250 bytes each, and 25 ms of the resource manager's event loop at most. */
export const MAX_PAGE_ENTRIES = 1000;
/** A number up to that in a query. */
export const pageLimit = v.pipe(
  v.string(),
  v.regex(/^([1-9][0-9]{0,2}|1000)$/, "expected 1 to 1000"),
);

/** Selects one page of a list. */
export interface PageQuery {
  /** The most entries of the page, 1 to 1,000. @default {1000} */
  readonly limit?: number;
  /** `next` of the page before. Left out: the first page. */
  readonly after?: string;
}

/** A page of a list. */
export interface Page {
  /** Where the next page begins, as `after` of its request. Left out on the last page. */
  readonly next?: string;
}

/**
 * Follows the pages of a list.
 *
 * @param read Requests one page.
 * @param entriesOf Returns the entries of a page.
 * @returns The first page without its `next`, and the entries of all pages.
 */
export async function followPages<L extends Page, E>(
  read: (query: PageQuery) => Promise<L>,
  entriesOf: (page: L) => readonly E[],
): Promise<{ list: Omit<L, "next">; entries: E[] }> {
  const first = await read({});
  const entries = [...entriesOf(first)];
  for (let { next } = first; next !== undefined;) {
    const page = await read({ after: next });
    for (const entry of entriesOf(page)) entries.push(entry);
    next = page.next;
  }
  const { next: _, ...list } = first;
  return { list, entries };
}
