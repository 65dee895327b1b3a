/** The link that opens the dashboard of a resource manager in a browser. */

import { createManagerClient, parseManagerUrls } from "../../runtime/http/manager_url.ts";

/** How long the resource manager may take: it is on this host. */
const LINK_TIMEOUT_MS = 5000;

/**
 * Returns the address of the dashboard, with a code that signs in once where the resource manager can be reached without
 * TLS; undefined for a Unix socket, which no browser opens. The code is behind a `#`, so no server receives it in a path.
 *
 * @param token of the role that the page gets.
 */
export async function dashboardLink(manager: string, token: string): Promise<string | undefined> {
  if (manager.startsWith("unix:")) return undefined;
  const page = new URL("/ui/", manager).href;
  if (!manager.startsWith("http:")) return page; // the certificate may be one that this process does not trust
  const [address] = parseManagerUrls(manager);
  using client = createManagerClient(address!, undefined); // a proxy would read the token
  const response = await fetch(new URL("links", page), {
    client,
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(LINK_TIMEOUT_MS),
  });
  const body = await response.json();
  return response.ok ? `${page}#${body.code}` : page;
}
