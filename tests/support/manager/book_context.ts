/** The context that the resource manager's books share, for tests of one of them. */
import type { BookContext } from "../../../manager/resource/books/book_context.ts";
import { LeaseStarts } from "../../../manager/resource/books/lease_starts.ts";
import { RefusedRequests } from "../../../manager/resource/books/refused_requests.ts";
import { Classes } from "../../../manager/resource/leases/classes.ts";
import { LeaseQueue } from "../../../manager/resource/leases/lease_queue.ts";
import { NodeNotifications } from "../../../manager/resource/node_notifications.ts";
import { getLogger, type Logger } from "../../../manager/log.ts";
import { LOST_AFTER_MS } from "../../../manager/resource/policy.ts";
import { assertOutsideChange } from "./twice_store.ts";

/** Fills in the fields that a test omits. By default no request may wait, and no node may wait for notifications. */
export function bookContext(
  given: Pick<BookContext, "store" | "clock" | "keys"> & Partial<BookContext>,
): BookContext {
  return {
    aliveSinceMs: () => given.clock() - LOST_AFTER_MS,
    log: testLogger(),
    queue: new LeaseQueue(given.clock, 0),
    classes: new Classes(),
    notifications: new NodeNotifications(given.clock(), 0),
    starts: new LeaseStarts(),
    refused: new RefusedRequests(given),
    ...given,
  };
}

/** A silent log that reports a use within a store change. */
export function testLogger(): Logger {
  return new Proxy(getLogger(["rfaas", "test"]), {
    get(log, level) {
      assertOutsideChange(`log.${String(level)}`);
      return Reflect.get(log, level);
    },
  });
}
