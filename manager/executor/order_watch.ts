/** Waits at the resource manager for news, so that an order need not wait for the next heartbeat. */

import { setTimeout as delay } from "node:timers/promises";
import type { ManagerClient } from "../../runtime/http/manager_client.ts";
import { getLogger } from "../log.ts";

/** Between two questions, whatever the answers: a hundred orders in one moment are few heartbeats. */
const GAP_MS = 20;
/** After a question that failed; doubled each time. Heartbeats go on, and hear of everything. */
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 10_000;

export interface OrderWatchOptions {
  readonly client: Pick<ManagerClient, "awaitOrders">;
  /** Who asks: it changes when the node registers again. */
  readonly standing: () => { readonly node: string; readonly epoch: number };
  /** There is news: a heartbeat will tell what it is. */
  readonly news: () => void;
  readonly signal: AbortSignal;
}

/** Watches until the signal fires. */
export async function watchOrders(options: OrderWatchOptions): Promise<void> {
  const { client, standing, news, signal } = options;
  const log = getLogger(["rfaas", "executor-manager"]);
  let since: number | undefined;
  let backoffMs = 0;
  while (!signal.aborted) {
    try {
      const { node, epoch } = standing();
      const asked = { epoch, ...(since === undefined ? {} : { since }) };
      const { revision } = await client.awaitOrders(node, asked, signal);
      if (revision !== since) news();
      since = revision;
      backoffMs = 0;
    } catch (error) {
      if (signal.aborted) return;
      backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2 || FIRST_BACKOFF_MS);
      log.debug("orders come with heartbeats alone for {ms} ms: {error}", {
        ms: backoffMs,
        error: (error as Error).message,
      });
    }
    await delay(backoffMs || GAP_MS, undefined, { signal }).catch(() => {}); // it fires: that ends the loop
  }
}
