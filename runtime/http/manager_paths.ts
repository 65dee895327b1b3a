/** The paths of the HTTP interface that hold an id or a query. */
import type { BillPageQuery } from "./bill_api.ts";
import type { EventPageQuery } from "./event_api.ts";
import type { PageQuery } from "./page_api.ts";

/** The path of a node, or of what belongs to it. */
export function nodePath(node: string, rest = ""): string {
  return `/v1/nodes/${encodeURIComponent(node)}${rest}`;
}

/** The path of a lease, or of what belongs to it. */
export function leasePath(lease: string, rest = ""): string {
  return `/v1/leases/${encodeURIComponent(lease)}${rest}`;
}

/** The path of a page of bills. */
export function billsPath({ client, sinceMs, ...page }: BillPageQuery): string {
  return pagePath("/v1/bills", page, { client, since: sinceMs });
}

/** The path of a page of events. */
export function eventsPath(
  { client, lease, node, newest, sinceMs, waitMs, ...page }: EventPageQuery,
): string {
  const others = { client, lease, node, newest, since: sinceMs, wait: waitMs };
  return pagePath("/v1/events", page, others);
}

/** The path of a page of a list. */
export function pagePath(
  path: string,
  { after, limit }: PageQuery,
  others: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...others, after, limit })) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}
