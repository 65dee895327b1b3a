/** Waits for notifications of the resource manager, so that what it requests of a node need not wait for a heartbeat. */

import { setTimeout as delay } from "node:timers/promises";
import type { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { getLogger } from "../../log.ts";

/** Between two polls, whatever the responses: a hundred notifications in one moment cause few heartbeats. */
const GAP_MS = 20;
/** After a poll that failed; doubled each time. Heartbeats go on, and carry everything that a notification announces. */
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 10_000;

/** What {@linkcode watchNotifications} needs. */
export interface NotificationWatchOptions {
  readonly client: Pick<ManagerClient, "awaitNotifications">;
  /** Returns the node's id and epoch, which change when the node registers again. */
  readonly identity: () => { readonly node: string; readonly epoch: number };
  /** Called when the resource manager has something new for the node; a heartbeat brings it. */
  readonly onNotification: () => void;
  readonly signal: AbortSignal;
}

/** Polls for notifications until the signal fires. */
export async function watchNotifications(options: NotificationWatchOptions): Promise<void> {
  const { client, identity, onNotification, signal } = options;
  const log = getLogger(["rfaas", "executor-manager", "registration"]);
  let since: number | undefined;
  let backoffMs = 0;
  while (!signal.aborted) {
    try {
      const { node, epoch } = identity();
      const request = { epoch, ...(since === undefined ? {} : { since }) };
      const { revision } = await client.awaitNotifications(node, request, signal);
      if (revision !== since) onNotification();
      since = revision;
      backoffMs = 0;
    } catch (error) {
      if (signal.aborted) return;
      backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2 || FIRST_BACKOFF_MS);
      log.debug("no notifications for {ms} ms, only heartbeats: {error}", {
        ms: backoffMs,
        error: (error as Error).message,
      });
    }
    await delay(backoffMs || GAP_MS, undefined, { signal }).catch(() => {}); // the signal ends the loop
  }
}
